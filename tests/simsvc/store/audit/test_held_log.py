"""Files are read while nobody logs anything, if that is possible within a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simsvc.store.audit import log as logs
from simsvc.store.audit.log import EventLog
from simsvc.store.audit_append import append, lock_log
from simsvc.store.database import Database
from simsvc.values.events import COMMAND, EventKind, NewEvent

WAIT_MS = 300
EXPORT = NewEvent(EventKind.EXPORT, COMMAND, "history", {})


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(logs, "HOLD_WAIT_MS", WAIT_MS)
    database = Database(database_url)
    yield database
    database.close()


@contextmanager
def writing(database: Database) -> Iterator[None]:
    """Hold the log as a writer does who does not come to an end."""
    with database.transaction() as session:
        lock_log(session.connection())
        yield


def test_a_log_that_is_written_all_the_time_is_waited_for_once(database: Database) -> None:
    """Then the files are read as they are."""
    log = EventLog(database, lambda: ["ab" * 32])
    with writing(database), log.snapshot() as snapshot:
        begun = time.monotonic()
        faces = snapshot.face_sets()
        assert snapshot.served_problems() == ()
        took_ms = (time.monotonic() - begun) * 1e3
    assert faces is not None
    assert faces.sha256s == ("ab" * 32,)
    assert WAIT_MS * 0.9 < took_ms < WAIT_MS * 1.9


def test_a_writer_who_ends_meanwhile_is_waited_for(database: Database) -> None:
    """What it wrote and logged belongs together."""
    begun, file = threading.Event(), list[str]()

    def write() -> None:
        with database.transaction() as session:
            lock_log(session.connection())
            begun.set()
            time.sleep(WAIT_MS / 3e3)
            file.append("ab" * 32)
            append(session, EXPORT)

    with EventLog(database, lambda: file).snapshot() as snapshot:
        writer = threading.Thread(target=write)
        writer.start()
        begun.wait()
        faces = snapshot.face_sets()
        writer.join()
    assert faces is not None
    last = EventLog(database).note(EXPORT).seq - 1
    assert (faces.up_to, faces.sha256s) == (last, ("ab" * 32,))
