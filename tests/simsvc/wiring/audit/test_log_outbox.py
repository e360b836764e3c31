"""The threads that tell witnesses and stream events."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.settings import load_settings
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.wiring.audit import log_outbox
from simsvc.wiring.audit.log_outbox import CHECK_EVERY, LOCK_NAME
from simsvc.wiring.services import Services
from tests.helpers import wait_until
from tests.receivers import Messages, syslog_tcp_server
from tests.witness_servers import NoteServer, WitnessServer


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def syslog() -> Iterator[Messages]:
    with syslog_tcp_server() as found:
        yield found


def services_of(url: str, folder: Path, clock: Clock, **wanted: object) -> Services:
    update = {"database_url": url, "log_key_file": folder / "key" / "log-key.pem", **wanted}
    return Services(load_settings({}).model_copy(update=update), clock)


def note_and_sign(services: Services) -> int:
    services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    return services.log_keeper.checkpoint().size


def test_checkpoints_are_witnessed_on_each_database(
    database_url: str, tmp_path: Path, tiny: WitnessServer, notes: NoteServer
) -> None:
    """In order, with proofs, and what witnesses say fits; the cosignatures are kept."""
    services = services_of(database_url, tmp_path, Clock(), witnesses=(tiny.setting, notes.url))
    sizes = []
    for _ in range(3):
        sizes.append(note_and_sign(services))
        services.witness_thread.round()
    assert list(dict.fromkeys(tiny.saw)) == sizes, "one is submitted again when the log is compared"
    assert [int(note.split("\n")[1]) for note in notes.notes] == sizes
    assert [len(services.cosignatures.lines(size)) for size in sizes] == [1, 1, 1]
    assert services.outside().found == ()
    assert services.witness_desk.check().problems == ()
    services.database.close()


def test_one_process_of_a_machine_tells_witnesses(
    database_url: str, tmp_path: Path, notes: NoteServer
) -> None:
    """While another one holds the lock, nothing is sent."""
    services = services_of(database_url, tmp_path, Clock(), witnesses=(notes.url,))
    note_and_sign(services)
    with (tmp_path / "key" / LOCK_NAME).open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        services.witness_thread.round()
        assert notes.notes == []
    services.witness_thread.round()
    assert len(notes.notes) == 1
    services.database.close()


def test_the_log_is_compared_every_hour(database_url: str, tmp_path: Path, notes: NoteServer) -> None:
    """By one process for all; what it found is remembered outside the database."""
    clock = Clock()
    services = services_of(database_url, tmp_path, clock, witnesses=(notes.url,))
    note_and_sign(services)
    desk, thread = services.witness_desk, services.witness_thread

    def checked_at() -> datetime:
        check = desk.memory.check()
        assert check is not None
        return check.at

    thread.round()
    first = checked_at()
    clock.now += CHECK_EVERY - timedelta(seconds=1)
    thread.round()
    assert checked_at() == first
    clock.now += timedelta(seconds=1)
    thread.round()
    assert checked_at() == clock.now
    clock.now -= timedelta(days=3)
    thread.round()
    assert checked_at() == clock.now, "a clock that was set back does not put it off for days"
    services.database.close()


def test_without_a_file_a_checkpoint_is_sent_once(
    database_url: str, tmp_path: Path, syslog: Messages
) -> None:
    """File and key are gone: what was sent is known as long as the process lives."""
    services = services_of(database_url, tmp_path, Clock(), witnesses=(syslog.url,))
    note_and_sign(services)
    for file in (tmp_path / "key").iterdir():
        file.unlink()
    for _ in range(3):
        services.witness_thread.round()
    assert len(syslog.taken) == 1
    services.database.close()


def test_threads_start_and_stop(
    database_url: str, tmp_path: Path, notes: NoteServer, syslog: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At stop the last event is signed, witnessed and streamed."""
    monkeypatch.setattr(log_outbox, "WAKE_S", 0.05)  # the first checkpoint is signed after the first look
    services = services_of(database_url, tmp_path, Clock(), witnesses=(notes.url,), event_stream=syslog.url)
    services.start_log_threads()
    wait_until(lambda: notes.notes and syslog.taken)
    services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "export:last", {}))
    services.stop_log_threads()
    newest = services.log_tree.newest()
    assert newest is not None
    assert notes.notes[-1] == newest.note
    assert b'subject="export:last"' in syslog.taken[-1]
    services.database.close()


def test_without_settings_nothing_runs(database_url: str, tmp_path: Path) -> None:
    """Neither witnesses nor a receiver: no thread, and nothing to stop."""
    services = services_of(database_url, tmp_path, Clock())
    services.witness_thread.start()
    services.stream_thread.start()
    services.witness_thread.stop(0)
    services.stream_thread.stop(0)
    assert services.stream_lag() is None
    services.database.close()
