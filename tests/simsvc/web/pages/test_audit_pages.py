from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration, RecordedEstimate
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

CHECKPOINT = "/audit/verifications/1/checkpoint.json"


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return a service with a log that nothing else writes to, which verifies while the browser waits."""
    own = {
        "database_url": sqlite_database(tmp_path / "log.sqlite3"),
        "log_key_file": tmp_path / "log-key.pem",
    }
    app = create_app(site.model_copy(update=own))
    services: Services = app.extensions["simsvc"]
    services.verifier = replace(services.verifier, background=lambda work: work())
    yield app
    services.database.close()


@pytest.fixture
def auditor(app: Flask) -> FlaskClient:
    return signed_in(app, "auditor")


@pytest.fixture
def record(desk: Services) -> RecordedEstimate:
    return estimate(drawn_photo(61), "a.jpg", desk.pipeline(), declared=Declaration("L-7"))


def numbers(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'event-number">(\d+)<', html)]


def test_a_log_that_was_never_verified_says_so(auditor: FlaskClient) -> None:
    """The page offers to verify it, and no checkpoint."""
    html = auditor.get("/audit").text
    page = checked(html)
    assert page.inline == []
    assert html.count('aria-current="page"') == 1
    assert '<summary class="current"' not in html
    assert "has not been verified yet" in html
    assert "checkpoint.json" not in html
    assert auditor.get(CHECKPOINT).status_code == 404


def test_the_button_verifies_the_log(auditor: FlaskClient) -> None:
    """The page says that it is intact, when and by whom."""
    assert auditor.post("/audit/verify").status_code == 303
    html = auditor.get("/audit").text
    assert "Intact" in html
    assert "by auditor" in html
    assert f'href="{CHECKPOINT}"' in html


def test_the_checkpoint_proves_the_head(auditor: FlaskClient, desk: Services) -> None:
    """The file to keep elsewhere holds the hash of the last event that was verified."""
    auditor.post("/audit/verify")
    last = desk.verifications.latest_found()
    assert last is not None
    assert last.found is not None
    assert last.found.head is not None
    answer = auditor.get(CHECKPOINT)
    assert json.loads(answer.data)["sha256"] == last.found.head.sha256
    assert "attachment" in answer.headers["Content-Disposition"]


def test_the_button_finds_a_changed_record(
    auditor: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """What was changed behind the service's back is named in words, and no checkpoint is offered."""
    with desk.database.transaction() as session:
        session.execute(text("UPDATE estimates SET age_years = 20"))
    auditor.post("/audit/verify")
    html = auditor.get("/audit").text
    assert "Not intact" in html
    assert "A record was changed after it was logged" in html
    assert record.id in html
    assert auditor.get(CHECKPOINT).status_code == 404


@pytest.mark.usefixtures("record")
def test_the_page_lists_all_problems(auditor: FlaskClient, desk: Services) -> None:
    """The first problem comes first, and the others are counted and listed below it."""
    desk.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    with desk.database.transaction() as session:
        session.execute(text("UPDATE estimates SET age_years = 20"))
        account = session.scalar(text("SELECT MAX(seq) FROM events WHERE kind = 'account'"))
        session.execute(text("DELETE FROM event_contents WHERE seq > :account"), {"account": account})
    auditor.post("/audit/verify")
    page = auditor.get("/audit").text
    found = desk.verifications.latest_found()
    assert found is not None
    assert found.found is not None
    assert len(found.found.problems) == 2
    assert "1 more problem<" in page
    assert all(problem.sentence in unescape(page) for problem in found.found.problems)


def test_a_second_verification_at_once_is_refused(auditor: FlaskClient, desk: Services) -> None:
    """The page says when to try again."""
    auditor.post("/audit/verify")
    response = auditor.post("/audit/verify", follow_redirects=True)
    assert "The log was verified moments ago. Try again in" in response.text
    assert desk.verifications.find(2) is None


def test_a_running_verification_shows_its_progress(auditor: FlaskClient, desk: Services) -> None:
    """There is a bar, and no button to start another one."""
    desk.verifications.begin(1, "command", desk.now())
    desk.verifications.advance(1, 400, 1_000, desk.now())
    html = auditor.get("/audit").text
    assert "400 of 1,000 events" in html
    assert 'max="1000" value="400"' in html
    assert "Verify now" not in html


@pytest.mark.parametrize("about", ["number", "id", "case", "subject"])
def test_events_about_a_record_are_found(
    auditor: FlaskClient, desk: Services, record: RecordedEstimate, about: str
) -> None:
    """By its number, id, case or subject, with who did what, linked to the record."""
    desk.decisions.add(record.id, DecisionDraft("accept"), "u1", 0, desk.now())
    asked = {"number": record.number, "id": record.id, "case": "L-7", "subject": f"estimate:{record.id}"}
    html = auditor.get("/audit", query_string={"about": asked[about]}).text
    assert len(numbers(html)) == 2
    assert "plausible" in html
    assert f'href="/estimates/{record.id}"' in html


def test_an_erased_record_keeps_its_events(
    app: Flask, auditor: FlaskClient, record: RecordedEstimate
) -> None:
    """They say that it was erased, and that their content was."""
    signed_in(app, "admin").post(f"/erase/estimates/{record.id}", data={"confirmed": "1"})
    html = auditor.get("/audit", query_string={"about": record.id}).text
    assert "erased record" in html
    assert "The content was erased." in html
    gone = auditor.get(f"/estimates/{record.id}")
    assert gone.status_code == 410
    assert "<h1>No longer available</h1>" in gone.text
    assert f"/audit?about={record.id}#events-heading" in gone.text


def test_a_replay_agrees_in_the_list(auditor: FlaskClient, record: RecordedEstimate) -> None:
    """The list says what a replay found in the words of the page that shows it."""
    auditor.post(f"/estimates/{record.id}/replay")
    html = auditor.get("/audit", query_string={"about": record.id}).text
    assert "<strong>Replay</strong>: agrees" in html


def test_every_kind_of_event_has_words(auditor: FlaskClient) -> None:
    """The list of kinds shows no name of the code."""
    options = re.findall(r'<option value="(\w+)">([^<]+)</option>', auditor.get("/audit").text)
    words = {kind: shown for kind, shown in options if kind in set(EventKind)}
    assert words.keys() == set(EventKind)
    assert [kind for kind, shown in words.items() if kind == shown] == []


def test_filters_narrow_and_wrong_ones_are_told(auditor: FlaskClient, record: RecordedEstimate) -> None:
    """A day that is none keeps the form as it was typed."""
    assert record.id in auditor.get("/audit?kind=estimate").text
    assert numbers(auditor.get("/audit?kind=restore").text) == []
    wrong = auditor.get("/audit?kind=estimate&since=yesterday")
    assert wrong.status_code == 422
    assert 'value="yesterday"' in wrong.text


def test_pages_of_events_can_be_turned(auditor: FlaskClient, desk: Services) -> None:
    """Older events are on the next page, with the same filter."""
    for number in range(60):
        desk.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {"number": number}))
    first = auditor.get("/audit?kind=export").text
    second = auditor.get("/audit?kind=export&page=2").text
    assert (len(numbers(first)), len(numbers(second))) == (50, 10)
    assert "page=2&amp;kind=export" in first
    assert min(numbers(first)) > max(numbers(second))


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_is_listed_can_be_taken_away(auditor: FlaskClient, record: RecordedEstimate, form: str) -> None:
    """The download has hash, salt and content of exactly the events of a record, and is logged."""
    data = auditor.get(f"/audit/events.{form}?about={record.id}").data.decode("utf-8-sig")
    (row,) = [json.loads(line) for line in data.splitlines()] if form == "jsonl" else list(_table(data))
    content = row["content"] if form == "jsonl" else json.loads(row["content"])
    assert (row["subject"], len(row["salt"])) == (f"estimate:{record.id}", 64)
    assert content["number"] == record.number
    assert len(numbers(auditor.get("/audit?kind=export").text)) == 1


def _table(data: str) -> Iterator[dict[str, Any]]:
    return iter(csv.DictReader(io.StringIO(data, newline="")))
