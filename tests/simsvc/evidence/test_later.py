"""Evidence compared with what was published later: is it the same log, continued?"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simsvc.evidence import verify
from simsvc.store.audit.log import EventLog
from simsvc.values.events import COMMAND, EventKind, NewEvent
from tests.databases import sqlite_database
from tests.simsvc.evidence.helpers import (
    Desk,
    Outcome,
    Signer,
    make_desk,
    packed,
    path,
    relisted,
    root,
    verified,
)
from tests.simsvc.store.helpers import tamper

CONTINUES = "continues the one that you hold"
BREAKS = "is not a continuation of the one that you hold"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = make_desk(sqlite_database(tmp_path / "simsvc.sqlite3"))
    yield desk
    desk.database.close()


@pytest.fixture
def before(desk: Desk, tmp_path: Path) -> Path:
    """Evidence of a log of 11 events."""
    return packed(desk.take(), tmp_path / "before.zip")


def compared(desk: Desk, before: Path, *words: str) -> Outcome:
    """Take evidence again, and compare it with that of before."""
    return verified(before, "--later", packed(desk.take(), before.with_name("later.zip")), *words)


def printed(desk: Desk, before: Path, old: int | None) -> Outcome:
    """Compare with what `flask audit consistency` prints, or with a bare checkpoint."""
    checkpoint = desk.log.checkpoint()
    lines = [] if old is None else desk.log.consistency(old, checkpoint.size)
    proof = "".join(f"{base64.b64encode(line).decode()}\n" for line in lines)
    place = before.with_name("later.txt")
    place.write_text(checkpoint.note if old is None else f"{proof}\n{checkpoint.note}")
    return verified(before, "--later", place)


def test_a_log_that_went_on_continues(desk: Desk, before: Path) -> None:
    """By later evidence, by a proof, and by the checkpoint that the evidence has itself."""
    same = printed(desk, before, 11)
    assert (same.status, same.failures) == (0, "")
    assert f"{CONTINUES}: its first 11 events are the same." in same.text
    for outcome in (compared(desk, before, "--key", desk.log.signer.vkey), printed(desk, before, 11)):
        assert (outcome.status, outcome.failures) == (0, "")
        assert f"{CONTINUES}: its first 11 events are the same." in outcome.text


def moved(table: str, seq: int) -> str:
    """Return SQL that removes an event and moves all later ones up."""
    later = f"UPDATE {table} SET seq = {{}} WHERE seq {{}}; "  # noqa: S608 - tables of ours
    delete = f"DELETE FROM {table} WHERE seq = {seq}; "  # noqa: S608 - likewise
    return delete + later.format("1 - seq", f"> {seq}") + later.format("- seq", "< 0")


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (("UPDATE events SET actor = 'user:x' WHERE seq = 2",), "event 2 is another one"),
        (("UPDATE events SET actor = 'user:x' WHERE seq = 5",), "something before event 6 was changed"),
        (
            ("DELETE FROM event_contents WHERE seq > 8", "DELETE FROM events WHERE seq > 8"),
            "it ends with event 10, and yours with 11: its end was cut, or it was set back",
        ),
        ((*(moved(table, 5) for table in ("event_contents", "events")),), "event 6 is another one"),
    ],
)
def test_another_log_is_named(desk: Desk, before: Path, statements: tuple[str, ...], why: str) -> None:
    """Whoever owns database and key can sign it, also where only an event of another case was touched."""
    single = [one for several in statements for one in several.split("; ") if one]
    tamper(desk.database, "PRAGMA defer_foreign_keys = ON", *single)
    outcome = compared(desk, before)
    assert outcome.status == 1
    assert f"{BREAKS}: {why}" in outcome.failures
    assert verified(before).status == 0


def test_a_proof_of_another_log_is_named(desk: Desk, before: Path) -> None:
    """The consistency proof of a rewritten log does not lead from the checkpoint that was handed over."""
    tamper(desk.database, "UPDATE events SET actor = 'user:x' WHERE seq = 5")
    assert f"{BREAKS}: both have 11 events, and not the same ones" in printed(desk, before, None).failures
    desk.take()
    assert f"{BREAKS}: its first 11 events are not those that you hold" in printed(desk, before, 11).failures


def test_a_larger_checkpoint_needs_a_proof(desk: Desk, before: Path) -> None:
    """Without one, it is said how to ask for it."""
    desk.take()
    outcome = printed(desk, before, None)
    assert outcome.status == 1
    assert "ask for what `flask audit consistency 11` prints" in outcome.failures


def test_a_log_of_another_name_or_key_is_named(desk: Desk, before: Path) -> None:
    """Whoever starts a log anew is contradicted by the key, or by the name."""
    key = desk.log.signer
    desk.log.signer = Signer(key.name)
    assert "not signed by the key that signed the earlier one" in compared(desk, before).failures
    desk.log.signer = replace(key, name="simsvc/other")
    outcome = printed(desk, before, 11)
    assert outcome.status == 1
    assert "it is of the log simsvc/other, and yours of simsvc/test" in outcome.failures


def test_a_key_that_was_replaced_meanwhile_is_followed(desk: Desk, before: Path) -> None:
    """Later evidence has the checkpoint that both keys signed."""
    first = desk.log.signer.vkey
    desk.log.rotate()
    for words in ((), ("--key", first)):
        outcome = compared(desk, before, *words)
        assert (outcome.status, outcome.failures) == (0, "")
        assert "or by the one that replaced it" in outcome.text


def test_events_of_erased_records_are_listed_as_left_out(desk: Desk, before: Path) -> None:
    """They are no longer part of the evidence of their case, and nothing is wrong."""
    desk.erase(desk.second)
    outcome = compared(desk, before)
    assert (outcome.status, outcome.failures) == (0, "")
    assert "The later evidence is not about these events of yours: 6, 9, 11. Ask" in outcome.text
    assert f"{CONTINUES}: its first 10 events are the same." in outcome.text
    assert "the last 1 events of your checkpoint are not compared" in outcome.text


def test_an_event_that_was_left_out_of_later_evidence_is_named(desk: Desk, before: Path) -> None:
    """Where both are about the same record; who looked may be left out."""
    EventLog(desk.database).note(NewEvent(EventKind.READ, COMMAND, f"estimate:{desk.first}", {}))
    before = packed(desk.take(), before)
    files = desk.take()
    lines = files["log/events.jsonl"].decode().splitlines(keepends=True)
    for kind, words in (("decision", "is about the same record: 7, 8."), ("read", "events of yours: 12.")):
        fewer = "".join(line for line in lines if f'\\"kind\\":\\"{kind}\\"' not in line).encode()
        later = packed(relisted({**files, "log/events.jsonl": fewer}), before.with_name("later.zip"))
        outcome = verified(before, "--later", later)
        assert words in outcome.text, kind
        assert ("These events of yours" in outcome.failures) == (kind == "decision")


def test_later_evidence_about_fewer_records_lacks_only_those(desk: Desk, before: Path) -> None:
    """Nothing is wrong where one asks for evidence of a single record."""
    later = packed(desk.take(None, desk.first), before.with_name("later.zip"))
    outcome = verified(before, "--later", later)
    assert (outcome.status, outcome.failures) == (0, "")
    assert "The later evidence is not about these events of yours: 6, 9, 11. Ask" in outcome.text


def test_later_evidence_without_an_event_of_both_shows_nothing(desk: Desk, before: Path) -> None:
    """Then only a consistency proof does, and it is said how to ask for it."""
    note = verify.Note.of(desk.take()["log/checkpoint"])
    held = verify.Note.of(verify.read_files(str(before))["log/checkpoint"])
    nothing = {"log/events.jsonl": b""}
    why, count = verify._compared(verify.read_files(str(before)), held, nothing, note)
    assert (why[:16], count) == ("nothing shows it", 0)


@pytest.mark.parametrize("data", [b"", b"\n", b"a\nb\n\nc\n\nd", b"\xff\n\n\n\n", b"PK\x03\x04", b"[]" * 9])
def test_what_is_neither_evidence_nor_a_checkpoint_is_named(before: Path, data: bytes) -> None:
    """And never a crash."""
    later = before.with_name("later")
    later.write_bytes(data)
    outcome = verified(before, "--later", later)
    assert outcome.status == 1
    assert "neither evidence nor a checkpoint" in outcome.failures


def test_what_cannot_be_read_is_named(before: Path) -> None:
    """A file that is not there, a folder, and one that is too large: status 2."""
    large = before.with_name("large")
    large.write_bytes(b"a" * (verify.MOST_NOTE_BYTES + 1))
    for place in (before.with_name("none"), before.parent, large):
        outcome = verified(before, "--later", place)
        assert (outcome.status, len(outcome.lines)) == (2, 1)
        assert f"{place.name} cannot be read as evidence" in outcome.text


def test_the_left_side_of_a_proof_is_the_tree_before() -> None:
    """The root up to a leaf follows from the inclusion proof of that leaf in every larger tree."""
    leaves = [bytes([number]) for number in range(40)]
    hashed = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    for size in range(1, 41):
        for index in range(size):
            proof = path(index, hashed[:size])
            assert verify.root_up_to(index, leaves[index], proof, size) == root(hashed[: index + 1])
