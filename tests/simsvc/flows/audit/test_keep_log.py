"""Checkpoints are signed by the key in use, only of a log that continues what was signed, and verified."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from simsvc.adapters.crypto.log_key import LogKeyFile
from simsvc.adapters.ops.log_state import LogStateFile
from simsvc.domain.audit.chain import event_bytes, event_sha256
from simsvc.domain.audit.tree.merkle import (
    consistency_holds,
    consistency_proof,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from simsvc.domain.audit.tree.signed_note import parse_note, parse_vkey, verify_note
from simsvc.domain.audit.tree.tiles import in_tiles
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import AuditError, LogDiffers, LogKeyRefused, ProofRefused
from simsvc.flows.audit import keep_log
from simsvc.flows.audit.keep_log import ACKNOWLEDGED, LogKeeper
from simsvc.flows.audit.prove_log import prove_consistency, prove_inclusion, read_tile
from simsvc.flows.audit.verify_log import verify, verify_new
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.log_tiles import LogTree
from simsvc.store.database import Database
from simsvc.store.tables import EventRow
from simsvc.values.events import COMMAND, EventFilter, EventKind, NewEvent, Verdict
from simsvc.wiring.audit.log_keeper import DUE_S, LogKeeperThread
from tests.databases import Fill

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass
class Site:
    """A database and a folder for what lies outside it."""

    database: Database
    folder: Path
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.log, self.tree = EventLog(self.database), LogTree(self.database)

    @property
    def keeper(self) -> LogKeeper:
        key, state = LogKeyFile(self.key), LogStateFile(self.folder)
        return LogKeeper(self.tree, key, state, self.log, lambda: self.now)

    @property
    def key(self) -> Path:
        return self.folder / "log-key.pem"

    @property
    def state(self) -> Path:
        return self.folder / "log-state.json"

    def add(self, count: int) -> None:
        self.log.note_all(NewEvent(EventKind.EXPORT, COMMAND, "history", {"n": n}) for n in range(count))

    def verify(self) -> Verdict:
        outside = self.keeper.outside()
        with self.log.snapshot() as snapshot:
            return verify(snapshot, lambda _done, _total: None, outside=outside)

    def codes(self) -> set[str]:
        return {problem.code for problem in self.verify().problems}

    def run(self, *statements: str, **values: object) -> None:
        """Do what only the database's owner can."""
        with self.database.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                for table in ("events", "event_contents", "log_checkpoints"):
                    connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            else:
                found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
                for (name,) in found.all():
                    connection.execute(text(f"DROP TRIGGER {name}"))
            for statement in statements:
                connection.execute(text(statement), values)

    def leaves(self) -> list[bytes]:
        return [leaf_hash(event_bytes(event)) for event in self.tree.events_after(0, 10**6)]


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Site:
    """A site whose log has one event."""
    return Site(Database(database_url), tmp_path / "outside")


@pytest.fixture
def signed(site: Site, fill_once: Callable[[str, Fill, Path], None]) -> Site:
    """A site with checkpoints of 1, 300 and 600 events, and five events more."""
    fill_once("signed", signed_log, site.folder)
    return site


def signed_log(database: Database, folder: Path) -> None:
    site = Site(database, folder)
    site.keeper.checkpoint()
    for count in (299, 300):
        site.add(count)
        site.keeper.checkpoint()
    site.add(5)


def test_the_first_checkpoint_covers_all_events_and_makes_the_key(site: Site) -> None:
    site.add(700)
    checkpoint = site.keeper.checkpoint()
    key = site.keeper.verifier_key()
    note = parse_note(checkpoint.note)

    assert verify_note(note, [key]) == (key,)
    head = parse_head(note.text)
    assert head.origin == key.name == keep_log.derived_origin(key.public)
    assert (checkpoint.size, head.size, checkpoint.at) == (701, 701, NOW)
    assert head.root == checkpoint.root == root_of(site.leaves())
    assert stat.S_IMODE(site.key.stat().st_mode) == 0o600
    assert b"BEGIN PRIVATE KEY" in site.key.read_bytes()
    assert json.loads(site.state.read_text())["checkpoint"] == checkpoint.note
    assert [key.vkey for key in site.tree.log_keys()] == [str(key)]
    assert site.verify().problems == ()


def test_a_checkpoint_is_made_only_of_new_events(site: Site) -> None:
    first = site.keeper.checkpoint()
    site.now += timedelta(minutes=5)

    assert site.keeper.checkpoint() == first
    site.add(1)
    assert site.keeper.checkpoint().size == first.size + 1


def test_events_are_integrated_in_pieces(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_log, "PIECE", 100)
    site.add(350)

    assert site.keeper.checkpoint().root == root_of(site.leaves())
    site.add(99)
    assert site.keeper.checkpoint().root == root_of(site.leaves())


def test_two_makers_make_one_tree(site: Site) -> None:
    """The second one finds that the first was faster, and goes on from there."""
    site.add(20)

    class Slow(LogTree):
        def add_leaves(self, size: int, leaf_hashes: list[bytes]) -> bool:
            if not size:
                site.keeper.integrate()
            return super().add_leaves(size, leaf_hashes)

    slow = replace(site.keeper, tree=Slow(site.database))
    assert slow.integrate() == 21
    assert slow.checkpoint().root == root_of(site.leaves())
    same = slow.checkpoint()
    assert site.tree.keep(same) is False
    assert site.verify().problems == ()


def test_who_finds_the_lock_taken_gives_up_in_time(site: Site) -> None:
    state = LogStateFile(site.folder)
    with state.lock(), pytest.raises(LogKeyRefused) as refused:
        site.keeper.checkpoint(patience_s=0)
    assert refused.value.reason == "busy"
    assert site.keeper.checkpoint().size == 1


def test_proofs_hold_against_signed_roots(signed: Site) -> None:
    hashes = in_tiles(signed.tree.tile)
    leaves = signed.leaves()
    old, new = signed.tree.checkpoint(300), signed.tree.newest()
    assert old is not None
    assert new is not None
    assert inclusion_holds(123, 600, leaves[123], inclusion_proof(123, 600, hashes), new.root)
    assert consistency_holds(300, 600, consistency_proof(300, 600, hashes), old.root, new.root)


def test_the_key_is_rotated_with_both_signatures(signed: Site) -> None:
    old = signed.keeper.verifier_key()
    before = signed.key.read_bytes()
    checkpoint = signed.keeper.rotate("user:1")
    new = signed.keeper.verifier_key()

    assert new != old
    assert verify_note(parse_note(checkpoint.note), [old, new]) == (old, new)
    assert signed.key.read_bytes() != before
    assert {path.name for path in signed.folder.iterdir()} == {
        "log-key.pem",
        "log-state.json",
        "log-state.lock",
    }
    assert [(key.vkey, key.until_size) for key in signed.tree.log_keys()] == [
        (str(old), checkpoint.size),
        (str(new), None),
    ]
    assert signed.log.last_at(EventKind.KEY) is not None
    signed.add(1)
    later = signed.keeper.checkpoint()
    assert verify_note(parse_note(later.note), [old, new]) == (new,)
    assert signed.verify().problems == ()
    assert signed.keeper.rotate().size == later.size + 1
    assert signed.verify().problems == ()


def test_a_rotation_that_was_interrupted_is_finished(signed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: LogKeyFile, **_how: bool) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LogKeyFile, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            signed.keeper.rotate()
    signed.add(1)
    signed.keeper.check_key()  # well, as the next checkpoint finishes it
    key = signed.keeper.verifier_key()
    assert verify_note(parse_note(signed.keeper.checkpoint().note), [key]) == (key,)
    assert str(key) == signed.tree.log_keys()[-1].vkey
    assert signed.verify().problems == ()


def test_the_old_key_signs_nothing_after_a_rotation(signed: Site) -> None:
    old = signed.key.read_bytes()
    signed.keeper.rotate()
    signed.add(1)
    signed.key.write_bytes(old)

    with pytest.raises(LogKeyRefused) as refused:
        signed.keeper.checkpoint()
    assert refused.value.reason == "wrong"
    forger = replace(signed.keeper, state=LogStateFile(signed.folder / "elsewhere"))
    signed.run(
        "DELETE FROM log_checkpoints WHERE size > 600", "DELETE FROM log_keys WHERE until_size IS NULL"
    )
    forger.checkpoint()
    assert "signature" in signed.codes()


def test_a_lost_key_is_named_and_replaced(signed: Site) -> None:
    signed.key.unlink()
    with pytest.raises(LogKeyRefused) as refused:
        signed.keeper.checkpoint()
    assert refused.value.reason == "missing"

    checkpoint = signed.keeper.rotate(lost=True)
    key = signed.keeper.verifier_key()
    assert verify_note(parse_note(checkpoint.note), [key]) == (key,)
    assert key.name == parse_head(parse_note(checkpoint.note).text).origin
    assert signed.verify().problems == ()
    with signed.log.snapshot() as snapshot:
        last = snapshot.newest(EventFilter(kind="key"), 1)[0]
    assert json.loads(last.content or "")["change"] == "lost"


def spoil(content: bytes) -> Callable[[Site], object]:
    return lambda site: site.key.write_bytes(content)


KEYS: dict[str, tuple[Callable[[Site], object], str]] = {
    "no file": (lambda site: site.key.unlink(), "missing"),
    "an empty file": (spoil(b""), "damaged"),
    "no key": (spoil(b"-----BEGIN PRIVATE KEY-----\n"), "damaged"),
    "a folder": (lambda site: (site.key.unlink(), site.key.mkdir()), "unreadable"),
    "another key": (lambda site: (site.key.unlink(), LogKeyFile(site.key).create()), "wrong"),
    "a damaged state": (lambda site: site.state.write_text('{"format": 1}'), "state"),
    "a state of another format": (lambda site: site.state.write_text('{"format": 2}'), "state"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", KEYS)
def test_a_key_that_cannot_be_used_is_named(signed: Site, case: str) -> None:
    """No checkpoint is made, and events go on."""
    change, reason = KEYS[case]
    change(signed)
    thread = LogKeeperThread(signed.keeper)
    thread.round(at_once=True)

    assert problem_of(thread).startswith("The log is not signed: ")
    assert str(signed.folder) in problem_of(thread)
    with pytest.raises(LogKeyRefused) as refused:
        signed.keeper.checkpoint()
    assert refused.value.reason == reason
    with pytest.raises(LogKeyRefused) as refused:
        signed.keeper.check_key()
    assert refused.value.reason == reason
    signed.add(1)
    assert signed.keeper.status().unsigned == 6


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_key_without_a_state_is_named(signed: Site) -> None:
    """A second machine that makes a key of its own signs nothing."""
    with pytest.raises(LogKeyRefused) as refused:
        Site(signed.database, signed.folder / "other").keeper.checkpoint()
    assert refused.value.reason == "missing"
    LogKeyFile(signed.folder / "other" / "log-key.pem").create()
    with pytest.raises(LogKeyRefused) as refused:
        Site(signed.database, signed.folder / "other").keeper.checkpoint()
    assert refused.value.reason == "wrong"


def test_a_host_without_the_right_key_is_found_before_it_signs(signed: Site) -> None:
    """A look at the key of another host names what signing would, and makes no file."""
    other = Site(signed.database, signed.folder / "other")
    with pytest.raises(LogKeyRefused) as refused:
        other.keeper.check_key()
    assert refused.value.reason == "missing"
    assert not other.folder.exists()
    LogKeyFile(other.key).create()
    with pytest.raises(LogKeyRefused) as refused:
        other.keeper.check_key()
    assert refused.value.reason == "wrong"
    other.key.write_bytes(signed.key.read_bytes())
    other.keeper.check_key()
    assert not other.state.exists()


def test_a_log_that_was_never_signed_needs_no_key(site: Site) -> None:
    """A look at a fresh installation finds nothing wrong, and makes no key."""
    site.add(1)
    site.keeper.check_key()
    assert not site.folder.exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lost_state_is_made_again_from_what_the_key_signed(signed: Site) -> None:
    signed.keeper.rotate()
    keys = LogStateFile(signed.folder).read()
    signed.state.unlink()
    assert signed.verify().problems == ()

    signed.keeper.checkpoint()
    again = LogStateFile(signed.folder).read()
    assert keys is not None
    assert again is not None
    assert [key.vkey for key in again.keys] == [key.vkey for key in keys.keys]
    assert signed.verify().problems == ()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_origin_stays(signed: Site) -> None:
    with pytest.raises(LogKeyRefused) as refused:
        replace(signed.keeper, origin="other.example/log").checkpoint()
    assert refused.value.reason == "origin"


def test_the_origin_is_that_of_the_settings(site: Site) -> None:
    checkpoint = replace(site.keeper, origin="age.example/log").checkpoint()
    assert checkpoint.note.startswith("age.example/log\n1\n")
    assert "— age.example/log " in checkpoint.note


def test_an_empty_log_has_no_checkpoint(site: Site) -> None:
    site.run("DELETE FROM event_contents", "DELETE FROM events")
    with pytest.raises(AuditError) as refused:
        site.keeper.checkpoint()
    assert refused.value.reason == "empty"


CUT = ("DELETE FROM event_contents WHERE seq > :cut", "DELETE FROM events WHERE seq > :cut")
ATTACKS: dict[str, tuple[tuple[str, ...], set[str], str | None]] = {
    "an event edited": (
        ("UPDATE events SET actor = 'user:x' WHERE seq = 200",),
        {"chain", "rewritten"},
        None,
    ),
    "the last signed event edited": (
        ("UPDATE events SET actor = 'user:x' WHERE seq = 600",),
        {"chain", "rewritten"},
        "changed",
    ),
    "the tail cut": ((*CUT,), {"tail_cut"}, "tail_cut"),
    "the tail cut with its tree": (
        (
            *CUT,
            "DELETE FROM log_checkpoints WHERE size > :cut",
            "DELETE FROM log_tiles",
        ),
        {"rolled_back", "tiles"},
        "rolled_back",
    ),
    "the tree edited": (
        ("UPDATE log_tiles SET hashes = :tile WHERE level = 0 AND number = 0",),
        {"rewritten"},
        None,
    ),
    "a tile cut": (("UPDATE log_tiles SET hashes = :tile WHERE level = 1",), {"tiles"}, "tiles"),
    "a tile taken out": (("DELETE FROM log_tiles WHERE level = 0 AND number = 1",), {"tiles"}, None),
    "a checkpoint's root edited": (
        ("UPDATE log_checkpoints SET root = :root WHERE size = 300",),
        {"rewritten", "signature"},
        None,
    ),
    "a checkpoint's note edited": (
        ("UPDATE log_checkpoints SET note = replace(note, '300', '301') WHERE size = 300",),
        {"signature"},
        None,
    ),
    "a checkpoint's note replaced": (
        (
            "UPDATE log_checkpoints SET note = (SELECT note FROM log_checkpoints WHERE size = 1) "
            "WHERE size = 300",
        ),
        {"signature"},
        None,
    ),
    "a checkpoint without a note": (
        ("UPDATE log_checkpoints SET note = '' WHERE size = 300",),
        {"signature"},
        None,
    ),
    "the last checkpoints taken out": (("DELETE FROM log_checkpoints WHERE size > 1",), set(), None),
}


@pytest.mark.parametrize("case", ATTACKS)
def test_what_the_owner_of_the_database_changes_is_named(signed: Site, case: str) -> None:
    """By verifying; and nothing is signed that contradicts what was signed, where that is seen at once."""
    statements, codes, refusal = ATTACKS[case]
    used = {name for name in ("cut", "tile", "root") if any(f":{name}" in one for one in statements)}
    values = {"cut": 599, "tile": bytes(10), "root": bytes(32)}
    signed.run(*statements, **{name: values[name] for name in used})

    assert signed.codes() == codes
    if refusal:
        with pytest.raises(LogDiffers) as refused:
            signed.keeper.checkpoint()
        assert refused.value.reason == refusal


@pytest.mark.parametrize("deleted", [True, False])
def test_a_log_that_was_made_anew_is_named(signed: Site, deleted: bool) -> None:
    """Rewritten with all hashes, tiles, and even checkpoints by another key."""
    signed.run("DELETE FROM log_tiles", *(["DELETE FROM log_checkpoints"] if deleted else []))
    last = None
    with signed.database.engine.begin() as connection:
        for event in signed.tree.events_after(0, 1_000):
            made = replace(event, actor="user:x" if event.seq == 150 else event.actor)
            made = replace(made, previous_sha256=last.sha256 if last else made.previous_sha256)
            last = replace(made, sha256=event_sha256(made))
            connection.execute(
                update(EventRow)
                .where(EventRow.seq == last.seq)
                .values(actor=last.actor, previous_sha256=last.previous_sha256, sha256=last.sha256)
            )
    assert signed.codes() == {"rewritten"} | (set() if deleted else {"tiles"})
    with pytest.raises(LogDiffers):
        signed.keeper.checkpoint()
    if deleted:
        Site(signed.database, signed.folder / "forger").keeper.checkpoint()
        assert signed.codes() == {"rewritten", "signature"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_was_rolled_back_is_named_until_it_is_acknowledged(
    signed: Site, database_url: str
) -> None:
    file = Path(database_url.removeprefix("sqlite:///"))
    signed.database.fold_in(1)
    signed.database.close()
    copy = file.read_bytes()
    signed.keeper.checkpoint()
    shutil.copytree(signed.folder, signed.folder.with_name("other"))
    signed.database.fold_in(1)
    signed.database.close()
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    file.write_bytes(copy)

    back = Site(Database(database_url), signed.folder)
    assert back.codes() == set()  # five events that were not signed when it was copied: the same events
    back.run(*CUT, cut=603)
    assert back.codes() == {"rolled_back"}
    back.add(10)
    assert back.codes() == {"rolled_back"}
    with pytest.raises(LogDiffers) as refused:
        back.keeper.checkpoint()
    assert refused.value.reason == "rolled_back"
    assert "acknowledge-restore" in str(refused.value)

    checkpoint = back.keeper.acknowledge("Two exports of 4 May.")
    assert back.codes() == set()
    kept = LogStateFile(back.folder).read()
    assert kept is not None
    assert kept.note == checkpoint.note
    assert [loss["lost"] for loss in kept.more[ACKNOWLEDGED]] == ["Two exports of 4 May."]
    other = Site(back.database, signed.folder.with_name("other"))
    (problem,) = other.verify().problems
    assert "copy log-state.json from the folder of that host's log key" in problem.sentence
    other.state.write_bytes(back.state.read_bytes())
    assert other.codes() == set()
    back.add(1)
    back.keeper.checkpoint()
    assert back.codes() == set()


def test_what_is_no_restore_is_not_acknowledged(signed: Site) -> None:
    signed.run(*CUT, cut=599)
    with pytest.raises(LogDiffers):
        signed.keeper.acknowledge("Nothing.")


def test_the_tree_is_rebuilt(signed: Site) -> None:
    signed.run("DELETE FROM log_tiles WHERE level = 0 AND number = 1")
    checkpoint = signed.keeper.rebuild()
    assert checkpoint.size == 605
    assert signed.verify().problems == ()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_events_that_cannot_be_hashed_are_named(site: Site) -> None:
    site.keeper.checkpoint()
    site.add(3)
    site.run("UPDATE events SET actor = CAST(x'ff' AS TEXT) WHERE seq = 3")
    with pytest.raises(LogDiffers) as refused:
        site.keeper.checkpoint()
    assert refused.value.reason == "unhashable"
    site.run("DELETE FROM event_contents WHERE seq = 3", "DELETE FROM events WHERE seq = 3")
    with pytest.raises(LogDiffers) as refused:
        site.keeper.checkpoint()
    assert refused.value.reason == "missing"


def test_a_log_of_the_version_before_gets_its_first_checkpoint(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0020")
    EventLog(database).note_all(NewEvent(EventKind.EXPORT, COMMAND, "history", {"n": n}) for n in range(500))
    migrate.upgrade(database.engine)
    site = Site(database, tmp_path / "outside")

    assert site.verify().problems == ()
    assert site.keeper.checkpoint().size == 501
    assert site.verify().problems == ()


def test_the_thread_makes_one_at_start_when_due_and_at_stop(site: Site) -> None:
    """Due by the monotonic clock: a wall clock that is set back or forward changes nothing."""
    seconds = 0.0
    thread = LogKeeperThread(site.keeper, lambda: seconds)
    thread.round(at_once=True)
    assert newest(site) == 1
    site.add(1)
    site.now -= timedelta(days=400)
    thread.round()
    seconds += DUE_S - 1
    thread.round()
    assert newest(site) == 1
    seconds += 1
    thread.round()
    assert newest(site) == 2
    site.add(1)
    seconds += DUE_S
    thread.round()
    thread.round()
    assert newest(site) == 2, "seen as the newest one for the first time"
    seconds += DUE_S
    thread.round()
    assert newest(site) == 3
    seconds += 10 * DUE_S
    thread.round()
    assert newest(site) == 3, "no new events"
    site.add(1)
    thread.start()
    thread.stop(patience_s=30)
    assert newest(site) == 4
    assert thread.problem is None


def newest(site: Site) -> int:
    found = site.tree.newest()
    return found.size if found else 0


def problem_of(thread: LogKeeperThread) -> str:
    return thread.problem.sentence if thread.problem else ""


def test_a_problem_is_gone_once_it_is_solved(signed: Site) -> None:
    content = signed.key.read_bytes()
    signed.key.unlink()
    thread = LogKeeperThread(signed.keeper)
    thread.round(at_once=True)
    assert "is missing" in problem_of(thread)
    signed.key.write_bytes(content)
    thread.round()
    assert problem_of(thread) == ""
    assert newest(signed) == 605


def test_verifying_without_the_folder_believes_the_keys_in_the_database(signed: Site, tmp_path: Path) -> None:
    """As on a copy of the database elsewhere."""
    elsewhere = Site(signed.database, tmp_path / "elsewhere")
    assert elsewhere.verify().problems == ()
    signed.run("UPDATE log_checkpoints SET note = replace(note, '300', '301') WHERE size = 300")
    assert elsewhere.codes() == {"signature"}


def test_a_damaged_state_is_named_by_verifying(signed: Site) -> None:
    signed.state.write_text("{")
    assert signed.codes() == {"state_differs"}
    signed.state.unlink()
    assert parse_vkey(signed.tree.log_keys()[0].vkey)


def since(site: Site) -> tuple[Verdict, int]:
    outside = site.keeper.outside()
    with site.log.snapshot() as snapshot:
        return verify_new(snapshot, lambda _done, _total: None, outside)


def test_new_events_are_verified_after_the_last_checkpoint(signed: Site) -> None:
    found, size = since(signed)
    assert (found.events, found.problems, size) == (605, (), 600)
    signed.keeper.checkpoint()
    assert since(signed) == (found, 605)
    signed.add(300)
    assert since(signed)[0].problems == ()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_all_is_verified_where_no_checkpoint_is_signed(site: Site) -> None:
    site.add(3)
    found, size = since(site)
    assert (found.events, found.problems, size) == (4, (), 0)
    site.keeper.checkpoint()
    site.run("UPDATE log_checkpoints SET note = ''")
    found, size = since(site)
    assert ([problem.code for problem in found.problems], size) == (["signature"], 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("UPDATE events SET actor = 'user:x' WHERE seq = 600", {"rewritten"}),
        ("UPDATE events SET actor = 'user:x' WHERE seq = 603", {"chain"}),
        ("UPDATE event_contents SET content = '{}' WHERE seq = 603", {"content"}),
        ("UPDATE log_tiles SET hashes = zeroblob(64) WHERE level = 1", {"rewritten"}),
        ("DELETE FROM log_tiles WHERE level = 1", {"tiles"}),
        ("UPDATE log_checkpoints SET root = zeroblob(32) WHERE size = 600", {"signature", "rewritten"}),
        ("DELETE FROM events WHERE seq > 599", {"tail_cut"}),
    ],
)
def test_what_was_changed_at_the_end_is_found_among_new_events(
    signed: Site, statement: str, codes: set[str]
) -> None:
    if statement.startswith("DELETE FROM events"):
        signed.run("DELETE FROM event_contents WHERE seq > 599")
    signed.run(statement)
    assert {problem.code for problem in since(signed)[0].problems} == codes


def test_proofs_are_given_for_checkpoints(signed: Site) -> None:
    found = prove_inclusion(signed.tree, 123)
    leaf = leaf_hash(event_bytes(found.event))
    assert (found.event.seq, found.checkpoint.size, found.leaf_hash) == (123, 600, leaf)
    assert inclusion_holds(122, 600, leaf, found.hashes, found.checkpoint.root)
    older = prove_inclusion(signed.tree, 123, 300)
    assert inclusion_holds(122, 300, leaf, older.hashes, older.checkpoint.root)

    consistent = prove_consistency(signed.tree, 300)
    old = signed.tree.checkpoint(300)
    assert old is not None
    assert consistent.old_root == old.root
    assert consistency_holds(300, 600, consistent.hashes, old.root, consistent.checkpoint.root)
    assert prove_consistency(signed.tree, 0, 300).hashes == ()
    assert len(read_tile(signed.tree, 0, 1, 256)) == 256 * 32
    assert read_tile(signed.tree, 1, 0, 2) == signed.tree.tile(1, 0)


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda tree: prove_inclusion(tree, 601), "not_covered"),
        (lambda tree: prove_inclusion(tree, 301, 300), "not_covered"),
        (lambda tree: prove_inclusion(tree, 1, 599), "no_tree"),
        (lambda tree: prove_consistency(tree, 601), "order"),
        (lambda tree: prove_consistency(tree, 301, 300), "order"),
        (lambda tree: read_tile(tree, 0, 2, 89), "no_tile"),
        (lambda tree: read_tile(tree, 1, 0, 3), "no_tile"),
        (lambda tree: read_tile(tree, 5, 0, 1), "no_tile"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_there_are_no_proofs_beyond_the_tree(
    signed: Site, ask: Callable[[LogTree], object], reason: str
) -> None:
    with pytest.raises(ProofRefused) as refused:
        ask(signed.tree)
    assert refused.value.reason == reason


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_there_is_no_proof_of_what_was_changed(signed: Site) -> None:
    signed.run("UPDATE events SET actor = 'user:x' WHERE seq = 123")
    with pytest.raises(LogDiffers) as refused:
        prove_inclusion(signed.tree, 123)
    assert refused.value.reason == "changed"
    signed.run("DELETE FROM log_tiles WHERE level = 0 AND number = 0")
    asked: list[Callable[[], object]] = [
        lambda: prove_inclusion(signed.tree, 124),
        lambda: prove_consistency(signed.tree, 255),
        lambda: read_tile(signed.tree, 0, 0, 256),
    ]
    for ask in asked:
        with pytest.raises(LogDiffers) as refused:
            ask()
        assert refused.value.reason == "tiles"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_there_is_no_proof_before_the_first_checkpoint(site: Site) -> None:
    with pytest.raises(ProofRefused) as refused:
        prove_inclusion(site.tree, 1)
    assert refused.value.reason == "no_checkpoint"
