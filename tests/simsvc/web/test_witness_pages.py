"""Witnesses and the stream where people and programs see them: page, readiness, metrics, refusals."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.programs import bearer, metrics
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo
from tests.witness_servers import NoteServer


@pytest.fixture
def witnessed(site: Settings, tmp_path: Path, notes: NoteServer) -> Iterator[Flask]:
    """Return an application with a witness and a stream."""
    more = {
        "database_url": sqlite_database(tmp_path / "log.sqlite3"),
        "log_key_file": tmp_path / "key" / "log-key.pem",
        "witnesses": (notes.url,),
        "event_stream": "syslog+udp://127.0.0.1:9",
    }
    app = create_app(site.model_copy(update=more))
    yield app
    app.extensions["simsvc"].database.close()


def log_and_send(app: Flask, count: int = 1) -> Services:
    services: Services = app.extensions["simsvc"]
    for number in range(count):
        services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {"rows": number}))
    services.log_keeper.checkpoint()
    services.witness_desk.send()
    return services


def part_of(app: Flask, name: str) -> dict[str, object]:
    parts = app.test_client().get("/readyz").get_json()["parts"]
    found: dict[str, object] = next(part for part in parts if part["part"] == name)
    return found


def test_the_page_says_what_witnesses_took(witnessed: Flask, notes: NoteServer) -> None:
    """Before the first checkpoint, after it, and since when one cannot be reached; no token is shown."""
    client = signed_in(witnessed, "auditor")
    assert "has not taken a checkpoint yet" in client.get("/audit").text
    services = log_and_send(witnessed)
    page = client.get("/audit").text
    checked(page)
    newest = services.log_tree.newest()
    assert newest is not None
    assert f"took the checkpoint of {newest.size} events on" in page
    assert "events were not sent to the other system yet" in page
    notes.status = 503
    log_and_send(witnessed)
    page = client.get("/audit").text
    checked(page)
    assert "Fails since" in page
    assert "answered with HTTP status 503" in page
    assert "secret" not in page


def test_the_page_says_that_the_log_is_not_what_was_seen(witnessed: Flask, notes: NoteServer) -> None:
    """Heading and sentence, in the page and in /readyz, which stays ready."""
    services = log_and_send(witnessed)
    notes.notes[-1] = "made up\n"
    services.witness_desk.check()
    page = signed_in(witnessed, "auditor").get("/audit").text
    checked(page)
    assert "The log is not what its witnesses saw." in page
    assert "no known key of this log has signed" in page
    part = part_of(witnessed, "witnesses")
    assert part["well"]
    assert "no known key of this log has signed" in str(part["sentence"])


def test_a_log_without_witnesses_says_so(site: Settings, tmp_path: Path) -> None:
    """The page says what that means."""
    url = sqlite_database(tmp_path / "log.sqlite3")
    update = {"database_url": url, "log_key_file": tmp_path / "key" / "log-key.pem"}
    app = create_app(site.model_copy(update=update))
    assert "There are no witnesses." in signed_in(app, "auditor").get("/audit").text
    assert not {name for name in metrics(app) if "witness" in name or "stream" in name}
    app.extensions["simsvc"].database.close()


def test_metrics_tell_of_witnesses_and_stream(witnessed: Flask, notes: NoteServer) -> None:
    """How long events wait for a witness, how many witnesses fail, and how far behind the stream is."""
    log_and_send(witnessed)
    found = metrics(witnessed)
    assert found["simsvc_witnesses_failing"] == 0
    assert found["simsvc_event_stream_lag_events"] >= 2
    assert found["simsvc_event_stream_lag_seconds"] > 0
    notes.status = 503
    log_and_send(witnessed)
    found = metrics(witnessed)
    assert found["simsvc_witnesses_failing"] == 1
    assert found["simsvc_unwitnessed_seconds"] > 0


def test_estimates_wait_for_a_required_witness(witnessed: Flask, notes: NoteServer) -> None:
    """503 with a sentence, for programs and people, and readiness is down; then it works again."""
    services = log_and_send(witnessed)
    services.settings = services.settings.model_copy(update={"witness_required": True})
    services.witness_desk._settings = services.settings
    notes.status = 503
    log_and_send(witnessed)
    later = services.now
    services.witness_desk._now = lambda: later().replace(year=later().year + 1)
    token = bearer(witnessed, "estimate")
    sent = {"data": {"photo": (io.BytesIO(drawn_photo()), "a.jpg")}, "headers": token}
    answer = witnessed.test_client().post("/api/v1/estimates", **sent)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "witness_missing")
    page = signed_in(witnessed).post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")})
    assert page.status_code == 503
    assert "that no witness has seen, so no estimates are made" in page.text
    assert witnessed.test_client().get("/readyz").status_code == 503
    notes.status = None
    services.witness_desk.flow._failures.clear()
    log_and_send(witnessed)
    sent = {"data": {"photo": (io.BytesIO(drawn_photo()), "a.jpg")}, "headers": token}
    assert witnessed.test_client().post("/api/v1/estimates", **sent).status_code == 201
