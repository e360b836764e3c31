"""Reads in the real server: what is in the log after a worker was killed, and after a graceful stop."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values.events import EventFilter
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.helpers import wait_until
from tests.servers import PATIENCE_S, children_of, is_alive, running
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

pytestmark = pytest.mark.slow

MOST_LOST_S = 1.0
"""A killed worker may lose the reads of so long."""


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return an application beside the server, on the same database; it logs no reads itself."""
    url = sqlite_database(tmp_path / "log.sqlite3")
    app = create_app(site.model_copy(update={"database_url": url}))
    yield app
    app.extensions["simsvc"].database.close()


def reads_of(desk: Services) -> list[str]:
    """Return the subjects of the reads in the log, oldest first."""
    with desk.log.snapshot() as snapshot:
        found = snapshot.after(None, wanted=EventFilter(kind="read"))
    return [logged.event.subject for logged in found]


def cookie_of(app: Flask) -> str:
    """Return the header of an auditor's browser."""
    client = signed_in(app, "auditor")
    (cookie,) = client._cookies.values()  # type: ignore[attr-defined]  # werkzeug's client cannot list them otherwise
    return f"{cookie.key}={cookie.value}"


def open_page(bind: str, cookie: str, path: str) -> None:
    with closing(http.client.HTTPConnection(bind, timeout=PATIENCE_S)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200


@pytest.mark.parametrize("within_s", [PATIENCE_S, pytest.param(MOST_LOST_S, marks=pytest.mark.proof)])
def test_a_killed_worker_has_logged_what_was_read(
    app: Flask, desk: Services, tmp_path: Path, within_s: float
) -> None:
    """A second after a page was opened, kill -9 loses nothing of it; a busy machine may take longer."""
    records = [estimate(drawn_photo(70 + number), "a.jpg", desk.pipeline()) for number in range(2)]
    wanted, cookie = [f"estimate:{record.id}" for record in records], cookie_of(app)
    with running(desk.settings, tmp_path / "log") as server:
        for record in records:  # the second waits for the pause after the first
            open_page(server.bind, cookie, f"/estimates/{record.id}")
        wait_until(lambda: reads_of(desk) == wanted, within_s)
        (worker,) = children_of(server.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not is_alive(worker))
        assert reads_of(desk) == wanted
        wait_until(lambda: children_of(server.pid) - {worker})
        open_page(server.bind, cookie, f"/estimates/{records[0].id}")  # by the worker that takes its place
    assert reads_of(desk) == [*wanted, wanted[0]]


def test_a_graceful_stop_logs_what_waits(app: Flask, desk: Services, tmp_path: Path) -> None:
    """However shortly before the end the page was opened, by whichever worker."""
    record, cookie = estimate(drawn_photo(72), "a.jpg", desk.pipeline()), cookie_of(app)
    with running(desk.settings, tmp_path / "log", workers=2) as server:
        for _ in range(10):
            open_page(server.bind, cookie, f"/estimates/{record.id}")
    assert reads_of(desk) == [f"estimate:{record.id}"] * 10
