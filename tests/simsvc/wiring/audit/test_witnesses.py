"""Attacks on the database, named by what is remembered outside of it, or by one witness alone."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.adapters.ops.log_state import NAME
from simsvc.domain.audit.chain import BEGINNING, event_sha256
from simsvc.errors import WitnessMissing
from simsvc.flows.audit.verify_log import verify
from simsvc.settings import load_settings
from simsvc.values.events import COMMAND, Event, EventKind, NewEvent
from simsvc.wiring.health import readiness
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.witness_servers import NoteServer, WitnessServer

EARLIER, LATER = 6, 11
"""Events when the database was copied, and when it was attacked."""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Attacked:
    """A log that two checkpoints were made of, and everything an attacker needs."""

    def __init__(self, folder: Path, tiny: WitnessServer, notes: NoteServer) -> None:
        self.folder, self.clock = folder, Clock()
        self.file = folder / "simsvc.sqlite3"
        self.url = sqlite_database(self.file)
        self.addresses = {
            "file": f"file:{folder / 'seen'}",
            "http": notes.url,
            "c2sp": tiny.setting,
        }
        services = self.services(*self.addresses.values())
        self.grow(services, EARLIER)
        services.database.fold_in(1.0)
        self.copy = folder / "copy.sqlite3"
        shutil.copy(self.file, self.copy)
        self.grow(services, LATER)
        services.database.close()

    def services(self, *witnesses: str, **wanted: object) -> Services:
        settings = load_settings({}).model_copy(
            update={
                "database_url": self.url,
                "log_key_file": self.folder / "key" / "log-key.pem",
                "witnesses": witnesses,
                **wanted,
            }
        )
        return Services(settings, self.clock)

    def grow(self, services: Services, size: int) -> None:
        """Log events up to a number, sign them and tell the witnesses."""
        with services.log.snapshot() as snapshot:
            count = snapshot.count()
        for number in range(count, size):
            services.log.note(NewEvent(EventKind.EXPORT, COMMAND, f"export:{number}", {"number": number}))
        services.log_keeper.checkpoint()
        services.witness_desk.send()

    def forget(self) -> None:
        """Delete what is remembered outside the database."""
        (self.folder / "key" / NAME).unlink()

    def problems(self, *witnesses: str) -> list[tuple[str, str]]:
        """Return code and sentence of what verify names with these witnesses."""
        services = self.services(*witnesses)
        with services.log.snapshot() as snapshot:
            found = verify(snapshot, lambda _done, _total: None, outside=services.outside()).problems
        services.database.close()
        return [(broken.code, broken.sentence) for broken in found]

    def change(self, *statements: str) -> None:
        """Change the database without its triggers."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in names:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)


def cut_tail(attacked: Attacked) -> None:
    """Delete the last events; the checkpoints stay."""
    attacked.change(
        "DELETE FROM event_contents WHERE seq > 8",
        "DELETE FROM events WHERE seq > 8",
    )


def cut_tail_and_tree(attacked: Attacked) -> None:
    """Delete the last events, and every trace of them in the tree."""
    cut_tail(attacked)
    attacked.change("DELETE FROM log_checkpoints WHERE size > 8", "DELETE FROM log_tiles")


def roll_back(attacked: Attacked) -> None:
    """Put an older copy of the database in place."""
    for end in ("-wal", "-shm"):
        attacked.file.with_name(attacked.file.name + end).unlink(missing_ok=True)
    shutil.copy(attacked.copy, attacked.file)


def rewrite(attacked: Attacked) -> None:
    """Change an event, compute all hashes anew, and sign a new tree with the key of the log."""
    with closing(sqlite3.connect(attacked.file)) as connection:
        events = [Event(*row) for row in connection.execute("SELECT * FROM events ORDER BY seq")]
    previous, statements = BEGINNING, ["DELETE FROM log_tiles", "DELETE FROM log_checkpoints"]
    for event in events:
        actor = "user:somebody" if event.seq == 3 else event.actor
        changed = replace(event, actor=actor, previous_sha256=previous)
        previous = event_sha256(changed)
        statements.append(
            f"UPDATE events SET actor = '{actor}', previous_sha256 = '{changed.previous_sha256}', "  # noqa: S608
            f"sha256 = '{previous}' WHERE seq = {event.seq}"
        )
    attacked.change(*statements)
    state = attacked.folder / "key" / NAME
    aside = state.rename(attacked.folder / "aside")
    forger = attacked.services()
    forger.log_keeper.checkpoint()
    forger.database.close()
    aside.rename(state)


Attack = Callable[[Attacked], None]
ATTACKS: dict[str, tuple[Attack, set[str]]] = {
    "cut tail": (cut_tail, {"tail_cut"}),
    "cut tail and tree": (cut_tail_and_tree, {"rolled_back"}),
    "roll back": (roll_back, {"rolled_back"}),
    "rewrite": (rewrite, {"rewritten", "rolled_back"}),
}


@pytest.fixture
def attacked(tmp_path: Path, tiny: WitnessServer, notes: NoteServer) -> Attacked:
    return Attacked(tmp_path, tiny, notes)


def test_an_honest_log_is_intact(attacked: Attacked) -> None:
    """With all witnesses, with each alone, with and without what is remembered."""
    assert attacked.problems(*attacked.addresses.values()) == []
    assert attacked.problems() == []
    attacked.forget()
    assert [attacked.problems(address) for address in attacked.addresses.values()] == [[], [], []]


@pytest.mark.parametrize("name", ATTACKS)
def test_the_file_beside_the_key_is_enough(attacked: Attacked, name: str) -> None:
    """Without asking any witness; what each took is remembered, too."""
    attack, codes = ATTACKS[name]
    attack(attacked)
    found = attacked.problems()
    assert {code for code, _ in found} & codes
    assert any(str(LATER) in sentence for _, sentence in found)
    if name != "cut tail":
        assert sum("the witness " in sentence for _, sentence in found) == len(attacked.addresses)


@pytest.mark.parametrize("kind", ["file", "http", "c2sp"])
@pytest.mark.parametrize("name", ATTACKS)
def test_each_witness_alone_is_enough(attacked: Attacked, name: str, kind: str) -> None:
    """What is remembered was deleted, and the other witnesses are not set."""
    attack, codes = ATTACKS[name]
    attack(attacked)
    attacked.forget()
    found = attacked.problems(attacked.addresses[kind])
    assert {code for code, _ in found} & codes
    assert any(str(LATER) in sentence for _, sentence in found)
    if name not in {"cut tail"}:
        assert any("witness" in sentence for _, sentence in found), found


@pytest.mark.parametrize("name", ATTACKS)
def test_the_check_of_every_hour_names_it(attacked: Attacked, name: str) -> None:
    """At start and every hour the keeper asks the witnesses, and /readyz says what they saw."""
    ATTACKS[name][0](attacked)
    services = attacked.services(*attacked.addresses.values())
    services.witness_thread.round()
    part = next(found for found in readiness(services) if found.part == "witnesses")
    assert f"saw {LATER} events" in part.sentence
    services.database.close()


def test_a_restored_backup_is_named_until_it_is_acknowledged(
    attacked: Attacked, notes: NoteServer, tiny: WitnessServer
) -> None:
    """Then the witnesses get the next checkpoint; the C2SP witness keeps what it saw."""
    everyone = tuple(attacked.addresses.values())
    roll_back(attacked)
    assert attacked.problems(*everyone)
    services = attacked.services(*everyone)
    services.acknowledge_restore("the events of Monday afternoon")
    services.witness_desk.send()
    services.database.close()
    assert attacked.problems(*everyone) == []
    assert int(notes.notes[-1].split("\n")[1]) < LATER
    assert tiny.saw[-1] == LATER


def test_a_lie_is_an_event_once_and_named_by_verify(attacked: Attacked, notes: NoteServer) -> None:
    """However often it is heard."""
    notes.notes.append("nonsense\n")
    address = attacked.addresses["http"]
    for _ in range(3):
        found = attacked.problems(address)
        assert [code for code, _ in found] == ["witness"]
        assert "a checkpoint that no known key of this log has signed" in found[0][1]
    services = attacked.services()
    with services.log.snapshot() as snapshot:
        lies = [logged for logged in snapshot.after(None, 100) if logged.event.kind == EventKind.WITNESS]
    services.database.close()
    assert [lie.event.subject for lie in lies] == [f"witness:{address.partition('?')[0]}"]


def test_a_witness_may_be_required(attacked: Attacked, notes: NoteServer) -> None:
    """While no witness has seen events for ten minutes, no estimates are made; then they are again."""
    services = attacked.services(notes.url, witness_required=True)
    attacked.grow(services, LATER + 2)
    attacked.clock.now += timedelta(hours=5)
    services.witness_desk.require()
    notes.status = 500
    attacked.clock.now = datetime.now(UTC)
    attacked.grow(services, LATER + 4)
    attacked.clock.now = datetime.now(UTC) + timedelta(minutes=9)
    services.witness_desk.require()
    attacked.clock.now = datetime.now(UTC) + timedelta(minutes=11)
    with pytest.raises(WitnessMissing, match=r"events of 1[01] minutes ago that no witness has seen"):
        services.witness_desk.require()
    notes.status = None
    services.witness_desk.send()
    services.witness_desk.require()
    services.database.close()


def test_a_witness_that_cannot_be_reached_is_a_warning(attacked: Attacked, notes: NoteServer) -> None:
    """Named with its age; the service stays ready."""
    notes.status = 500
    services = attacked.services(notes.url)
    attacked.grow(services, LATER + 1)
    attacked.clock.now += timedelta(minutes=30)
    part = next(found for found in readiness(services) if found.part == "witnesses")
    assert part.well
    assert "HTTP status 500" in part.sentence
    assert "30 minutes" in part.sentence
    services.database.close()


def test_cosignatures_are_kept(attacked: Attacked, tiny: WitnessServer) -> None:
    """One for each checkpoint that the witness saw."""
    services = attacked.services()
    kept = services.cosignatures.lines(LATER)
    services.database.close()
    assert len(kept) == 1
    assert kept[0].startswith(f"— {tiny.name} ")


def test_witnesses_of_one_name_are_told_apart(attacked: Attacked, notes: NoteServer) -> None:
    """Addresses that differ only in a secret: what each took is remembered by itself."""
    services = attacked.services(notes.url, notes.url.replace("secret", "other"))
    attacked.grow(services, LATER + 1)
    statuses = [status for status in services.witness_desk.statuses() if status.is_set]
    services.database.close()
    plain = notes.url.partition("?")[0]
    assert {one.name: one.memory.size for one in statuses} == {plain: LATER + 1, f"{plain} (2)": LATER + 1}
