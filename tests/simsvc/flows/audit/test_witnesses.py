"""Checkpoints given to several witnesses, and what they say when something is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from simsvc.adapters.witnesses.c2sp import C2spWitness
from simsvc.adapters.witnesses.file import FileWitness
from simsvc.adapters.witnesses.http import HttpWitness
from simsvc.domain.audit.witnessed import Extent, Sighting, contradiction
from simsvc.flows.audit.witnesses import AT_ONCE, Witnesses
from simsvc.ports import Witness
from simsvc.values.audit.witnesses import Cosignature, WitnessMemory
from tests.simsvc.adapters.witnesses.small_log import START, SmallLog
from tests.witness_servers import NoteServer, WitnessServer


class Remembered:
    """Memory in a dictionary."""

    def __init__(self) -> None:
        self.known: dict[str, WitnessMemory] = {}

    def witnesses(self) -> dict[str, WitnessMemory]:
        return dict(self.known)

    def remember(self, name: str, memory: WitnessMemory) -> None:
        self.known[name] = memory


class Site:
    """A log, its witnesses, and what is remembered of them."""

    def __init__(self, *witnesses: Witness) -> None:
        self.log, self.memory, self.now = SmallLog(), Remembered(), START
        self.kept: list[tuple[int, Cosignature]] = []
        self.lies: list[tuple[str, str]] = []
        self.witnesses = witnesses
        self.start()

    def start(self) -> None:
        """Start the service anew."""
        self.flow = Witnesses(
            self.witnesses,
            self.memory,
            self.log,
            lambda size, cosignature: self.kept.append((size, cosignature)),
            lambda name, lie: self.lies.append((name, lie.reason or "")),
            lambda: self.now,
        )

    def send(self, size: int) -> None:
        """Grow the log and give the checkpoint to the witnesses."""
        self.log.grow(size)
        self.flow.send()

    def replace_log(self, log: SmallLog) -> None:
        """Put another log in the place of this one, signed by the same key."""
        log.key, log._private = self.log.key, self.log._private
        self.log = log
        self.start()

    def found(self) -> set[tuple[str, str]]:
        """Return by whom what was named, from what witnesses say and what is remembered of them."""
        told, lies = self.flow.ask()
        extent = Extent(len(self.log.leaves), "", self.log.made[-1].size if self.log.made else 0)
        named = set()
        for seen in (*told, *self.flow.remembered()):
            if problem := contradiction(seen, extent, self.root):
                assert f": {seen.by} saw {seen.size} events" in problem.sentence
                named.add((problem.code, seen.by))
        return named | {("lied", str(lie.params["witness"])) for lie in lies}

    def root(self, size: int) -> bytes:
        found = self.log.root(size)
        assert found is not None
        return found


@pytest.fixture
def site(tmp_path: Path, tiny: WitnessServer, notes: NoteServer) -> Site:
    return Site(FileWitness(tmp_path / "seen"), HttpWitness(notes.url), C2spWitness(tiny.setting))


def sizes(notes: NoteServer) -> list[int]:
    return [int(note.split("\n")[1]) for note in notes.notes]


def test_every_witness_gets_every_checkpoint(site: Site, tiny: WitnessServer, notes: NoteServer) -> None:
    """In order and once; the cosignatures are kept, and what was taken is remembered."""
    for size in (2, 3, 9):
        site.send(size)
        site.flow.send()
    assert sizes(notes) == tiny.saw == [2, 3, 9]
    assert [size for size, _ in site.kept] == [2, 3, 9]
    assert {memory.size for memory in site.memory.known.values()} == {9}
    assert len((site.witnesses[0].name, *site.memory.known)) == 4
    assert site.found() == set()
    assert site.lies == []


def test_a_witness_that_was_away_gets_what_it_missed(
    site: Site, tiny: WitnessServer, notes: NoteServer
) -> None:
    """An endpoint every checkpoint, in order; a C2SP witness the latest. The others are not held up."""
    site.send(2)
    notes.status = tiny.status = 503
    for size in (3, 4, 5):
        site.send(size)
        site.now += timedelta(minutes=10)
    away = site.memory.known[site.witnesses[1].name]
    assert (away.size, away.failing_since, away.error) == (
        2,
        START,
        f"{site.witnesses[1].name} answered with HTTP status 503.",
    )
    assert site.memory.known[site.witnesses[0].name].size == 5
    notes.status = tiny.status = None
    site.flow.send()
    assert sizes(notes) == [2, 3, 4, 5]
    assert tiny.saw == [2, 5]
    assert {(memory.error, memory.failing_since) for memory in site.memory.known.values()} == {(None, None)}


def test_a_witness_that_fails_is_asked_less_often(site: Site, tiny: WitnessServer) -> None:
    """The pauses grow to five minutes."""
    tiny.status = 500
    for size in range(1, 60):
        site.send(size)
        site.now += timedelta(seconds=15)
    assert 5 <= len(tiny.requests) <= 10


def test_a_clock_that_is_set_back_delays_no_witness(site: Site, tiny: WitnessServer) -> None:
    """A pause does not last a year because of it."""
    tiny.status = 500
    site.send(1)
    tiny.status = None
    site.now -= timedelta(days=365)
    site.flow.send()
    assert tiny.saw == [1]


def test_a_long_absence_is_made_up_for_in_parts(site: Site, notes: NoteServer) -> None:
    """So that one witness does not hold up the others for long."""
    site.send(1)
    for size in range(2, AT_ONCE + 10):
        site.log.grow(size)
    site.flow.send()
    assert len(notes.notes) == AT_ONCE + 1
    site.flow.send()
    assert sizes(notes) == list(range(1, AT_ONCE + 10))


def test_a_cut_tail_is_named(site: Site) -> None:
    """By each witness and by what is remembered."""
    site.send(9)
    site.log.leaves = site.log.leaves[:7]
    assert site.found() == {("tail_cut", witness.name) for witness in site.witnesses}


def test_an_earlier_state_is_named(site: Site) -> None:
    """A database that was put back, with the checkpoints of then; also without the memory."""
    site.send(5)
    site.send(9)
    site.log.leaves, site.log.made = site.log.leaves[:7], site.log.made[:1]
    everyone = {("rolled_back", witness.name) for witness in site.witnesses}
    assert site.found() == everyone
    site.memory.known.clear()
    site.start()
    assert site.found() == everyone


@pytest.mark.parametrize("size", [9, 30])
def test_another_history_is_named_and_not_covered_up(
    site: Site, tiny: WitnessServer, notes: NoteServer, size: int
) -> None:
    """A log that was rewritten, and signed with the key of the log: the witnesses keep what they saw."""
    site.send(9)
    other = SmallLog()
    site.replace_log(other)
    other.grow(size, "another event")
    site.flow.send()
    assert site.found() == {("rewritten", witness.name) for witness in site.witnesses}
    assert (sizes(notes), tiny.saw) == ([9], [9])
    site.memory.known.clear()
    site.start()
    site.now += timedelta(hours=1)
    site.flow.send()
    assert (sizes(notes), tiny.saw) == ([9], [9])
    assert site.found() == {("rewritten", witness.name) for witness in site.witnesses}


def test_a_restore_that_was_acknowledged_is_not_named_again(
    site: Site, tiny: WitnessServer, notes: NoteServer
) -> None:
    """Files and endpoints continue; a C2SP witness never signs a log that went back."""
    site.send(5)
    site.send(9)
    site.log.leaves, site.log.made = site.log.leaves[:5], site.log.made[:1]
    site.start()
    site.log.grow(6, "acknowledged")
    site.flow.acknowledge()
    site.flow.send()
    assert sizes(notes) == [5, 9, 6]
    assert tiny.saw == [5, 9]
    assert site.found() == set()
    site.now += timedelta(hours=1)
    site.send(12)
    assert sizes(notes) == [5, 9, 6, 12]
    assert tiny.saw == [5, 9]
    assert site.found() == set()
    assert "9 other events" in str(site.memory.known[site.witnesses[2].name].error)


def test_two_answers_for_one_size_are_a_lie(site: Site, notes: NoteServer) -> None:
    """An endpoint that returns another checkpoint of the size that it took, even if it is signed."""
    site.send(9)
    other = SmallLog()
    other.key, other._private = site.log.key, site.log._private
    notes.notes.append(other.grow(9, "another event").note)
    assert site.found() == {("lied", site.witnesses[1].name)}
    assert site.lies == [(site.witnesses[1].name, "two_answers")]
    assert "two answers for 9 events" in str(site.memory.known[site.witnesses[1].name].lie)


def test_a_checkpoint_that_was_never_signed_is_a_lie(site: Site, notes: NoteServer) -> None:
    """A witness cannot accuse the log with a checkpoint that it made up."""
    site.send(9)
    notes.notes.append(SmallLog().grow(20).note)
    assert site.found() == {("lied", site.witnesses[1].name)}
    assert site.lies == [(site.witnesses[1].name, "note")]


def test_a_witness_that_went_back_lies(site: Site, tiny: WitnessServer, notes: NoteServer) -> None:
    """It took a larger checkpoint before. It is given the next one all the same."""
    site.send(4)
    root = site.log.root(4)
    site.send(9)
    notes.notes.pop()
    assert site.found() == {("lied", site.witnesses[1].name)}
    assert root is not None
    tiny.size, tiny.root = 4, root
    site.send(12)
    assert [reason for _, reason in site.lies] == ["forgot", "forgot"]
    site.now += timedelta(minutes=10)
    site.flow.send()
    assert (tiny.size, sizes(notes)[-1]) == (12, 12)


def test_a_wrong_cosignature_is_not_kept(site: Site, tiny: WitnessServer) -> None:
    """It is logged, and remembered."""
    other = tiny.cosignature("another.example\n1\nx\n").encode()
    tiny.twist = lambda reply: (reply[0], reply[1], other)
    site.send(9)
    assert site.kept == []
    assert site.lies == [(site.witnesses[2].name, "cosignature")]
    assert "its signature does not fit" in str(site.memory.known[site.witnesses[2].name].lie)


def test_a_witness_with_a_bug_holds_up_no_other(site: Site, notes: NoteServer) -> None:
    """Whatever one raises, the next one is given the checkpoint."""

    class Broken:
        name, takes_every, reads = "broken", True, True

        def take(self, *_: object) -> tuple[Cosignature, ...]:
            raise ZeroDivisionError

        def last(self, *_: object) -> None:
            raise ZeroDivisionError

    site.witnesses = (Broken(), *site.witnesses)
    site.start()
    site.send(9)
    assert sizes(notes) == [9]
    assert site.found() == set()


def test_sentences_name_witness_sizes_and_times() -> None:
    """Each is complete by itself."""
    seen = Sighting("file:/mnt/log", 120, b"x" * 32, START)
    cut = contradiction(seen, Extent(110, "2026-05-04T08:59:00Z", 120), lambda _: b"")
    assert cut is not None
    assert (cut.seq, cut.code, cut.sentence) == (
        111,
        "tail_cut",
        "The end of the log was cut: file:/mnt/log saw 120 events on 2026-05-04 at 09:00:00 UTC, but the log "
        "ends with event 110 of 2026-05-04T08:59:00Z.",
    )
    back = contradiction(seen, Extent(0, "", 0), lambda _: b"")
    assert back is not None
    assert (back.seq, back.code) == (1, "rolled_back")
    changed = contradiction(seen, Extent(120, "", 120), lambda _: b"y" * 32)
    assert changed is not None
    assert changed.sentence == (
        "The log was rewritten: file:/mnt/log saw 120 events on 2026-05-04 at 09:00:00 UTC, but the first "
        "120 events are not those any more."
    )
    assert contradiction(seen, Extent(120, "", 120), lambda _: b"x" * 32) is None
