"""Several hosts sign one log with one key, and remember it each for itself."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from simsvc.adapters.crypto.log_key import LogKeyFile
from simsvc.domain.audit.tree.signed_note import VerifierKey
from simsvc.errors import AuditError, LogDiffers, LogKeyRefused
from simsvc.flows.audit.keep_log import LogKeeper
from simsvc.flows.audit.verify_log import verify
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.log_tiles import LogTree
from simsvc.store.database import Database
from simsvc.store.turns import SIGNING, Turns
from simsvc.values.events import COMMAND, EventKind, NewEvent, Verdict
from simsvc.wiring.audit.shared_state import SharedLogState


@dataclass(frozen=True)
class Host:
    """A host: its own folder, and the database of all."""

    database: Database
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "log-key.pem"

    @property
    def keeper(self) -> LogKeeper:
        state = SharedLogState(self.folder, Turns(self.database))
        now = lambda: datetime.now(UTC)  # noqa: E731
        return LogKeeper(LogTree(self.database), LogKeyFile(self.key), state, EventLog(self.database), now)

    def add(self, count: int) -> None:
        log = EventLog(self.database)
        log.note_all(NewEvent(EventKind.EXPORT, COMMAND, "history", {"n": n}) for n in range(count))

    def verify(self) -> Verdict:
        outside = self.keeper.outside()
        with EventLog(self.database).snapshot() as snapshot:
            return verify(snapshot, lambda _done, _total: None, outside=outside)


@pytest.fixture
def host_a(postgres_url: str, tmp_path: Path) -> Host:
    """Give a host that has signed the log once."""
    host = Host(Database(postgres_url), tmp_path / "a")
    host.add(3)
    host.keeper.checkpoint()
    return host


@pytest.fixture
def host_b(host_a: Host, tmp_path: Path) -> Host:
    """Give another one, with a copy of the key."""
    host = Host(Database(host_a.database.engine.url.render_as_string(hide_password=False)), tmp_path / "b")
    copy_key(host_a, host)
    return host


def copy_key(host: Host, other: Host) -> None:
    other.folder.mkdir(exist_ok=True)
    shutil.copy2(host.key, other.key)


def test_hosts_sign_one_after_the_other(host_a: Host, host_b: Host) -> None:
    """Whoever signs continues what the others signed, also after a long sleep; each verifies all of it."""
    for signs, count in ((host_a, 2), (host_b, 2), (host_b, 300), (host_b, 40), (host_a, 1), (host_b, 1)):
        signs.add(count)
        signs.keeper.checkpoint()
    assert host_a.verify().problems == host_b.verify().problems == ()
    assert {key.vkey for key in LogTree(host_a.database).log_keys()} == {str(host_b.keeper.verifier_key())}


def test_hosts_that_sign_at_the_same_time_agree(host_a: Host, host_b: Host) -> None:
    """Of hosts that add and sign as fast as they can, each finds the log whole, at the end and in between."""
    failed: list[AuditError] = []

    def sign(host: Host) -> None:
        for _ in range(15):
            host.add(3)
            try:
                host.keeper.checkpoint(patience_s=10)
            except AuditError as error:
                failed.append(error)

    threads = [threading.Thread(target=sign, args=(host,)) for host in (host_a, host_b)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert host_a.verify().problems == host_b.verify().problems == ()


def test_a_host_waits_for_another_that_signs(host_a: Host, host_b: Host) -> None:
    """While A signs, B is told that another process does, and signs afterwards."""
    with Turns(host_a.database).taken(SIGNING) as mine:
        assert mine
        with pytest.raises(LogKeyRefused, match="sign"):
            host_b.keeper.checkpoint(patience_s=0)
    host_b.keeper.checkpoint(patience_s=0)


def test_a_host_without_the_key_makes_none(host_a: Host, tmp_path: Path) -> None:
    """A log that is signed gets no second key: the host says which file it lacks."""
    other = Host(host_a.database, tmp_path / "c")
    other.add(1)
    with pytest.raises(LogKeyRefused, match="log-key"):
        other.keeper.checkpoint()
    assert not other.key.exists()


def test_a_key_that_another_host_rotated_is_followed(host_a: Host, host_b: Host) -> None:
    """B signs nothing with the old key, verifies what the new one signed, and signs once it has it."""
    host_b.keeper.checkpoint()
    host_a.keeper.rotate()
    host_b.add(1)
    with pytest.raises(LogKeyRefused, match="key"):
        host_b.keeper.checkpoint()
    assert host_b.verify().problems == ()
    copy_key(host_a, host_b)
    assert host_b.keeper.checkpoint().size == host_a.keeper.checkpoint().size
    assert host_a.verify().problems == host_b.verify().problems == ()


def test_a_key_that_nobody_handed_over_to_is_not_followed(host_a: Host, host_b: Host) -> None:
    """A key that only the database's owner says is in use signs nothing that B believes."""
    host_b.keeper.checkpoint()
    forged = Host(host_a.database, host_a.folder.with_name("forged"))
    LogKeyFile(forged.key).create()
    public, _ = LogKeyFile(forged.key).read()
    key = VerifierKey(host_a.keeper.verifier_key().name, public)
    LogTree(host_a.database).use_key(str(key), 3)
    host_b.add(1)
    assert host_b.keeper.verifier_key() == host_a.keeper.verifier_key()


def test_a_log_that_was_rewritten_is_found_on_every_host(host_a: Host, host_b: Host) -> None:
    """Each host's own memory finds what it signed or saw, when the database's owner changed it."""
    host_b.keeper.checkpoint()
    host_a.add(2)
    with host_a.database.engine.begin() as connection:
        for table in ("events", "event_contents", "log_checkpoints"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM log_checkpoints"))
        connection.execute(text("DELETE FROM log_tiles"))
        connection.execute(text("UPDATE events SET actor = 'nobody' WHERE seq = 2"))
    for host in (host_a, host_b):
        with pytest.raises(LogDiffers):
            host.keeper.checkpoint()
