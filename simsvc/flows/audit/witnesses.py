"""Give every checkpoint to the witnesses, and ask them what they saw."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from simsvc.domain.audit.witnessed import Extent, Sighting, contradiction
from simsvc.errors import SimsvcError, StoreError, WitnessDisagrees, WitnessFailed, WitnessLied
from simsvc.ports import Witness
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.witnesses import Cosignature, Seen, WitnessMemory
from simsvc.values.events import Break

AT_ONCE = 100
"""Checkpoints that a witness is given in one go, after it could not be reached for long."""
PAUSES_S = (0, 15, 30, 60, 120, 300)
"""Seconds without attempts after so many failures in a row; the last one from then on. Chosen: an endpoint
that does not answer holds the others up for ten seconds, at most every five minutes."""

_log = logging.getLogger(__name__)


class Memory(Protocol):
    """What is remembered of witnesses, outside the database."""

    def witnesses(self) -> Mapping[str, WitnessMemory]:
        """Return what is remembered of each witness, by name."""

    def remember(self, name: str, memory: WitnessMemory) -> None:
        """Replace what is remembered of a witness, durably."""


class Checkpoints(Protocol):
    """The checkpoints of the log. Every method raises StoreError."""

    def after(self, size: int, count: int) -> Sequence[SignedCheckpoint]:
        """Return up to `count` checkpoints with larger trees, smallest first."""

    def latest(self) -> SignedCheckpoint | None:
        """Return the checkpoint with the largest tree."""

    def root(self, size: int) -> bytes | None:
        """Return the root hash of the first events as they are now; None if there are fewer."""

    def prove(self, old_size: int, size: int) -> Sequence[bytes]:
        """Return a consistency proof."""

    def is_ours(self, note: str) -> bool:
        """Return whether a note was signed by a key of this log."""


@dataclass
class Witnesses:
    """Dependencies of witnessing.

    Attributes:
        keep: keeps a verified cosignature on the checkpoint of a size.
        lied: logs that a witness lied, given its name and what it answered.
    """

    witnesses: Sequence[Witness]
    memory: Memory
    checkpoints: Checkpoints
    keep: Callable[[int, Cosignature], None]
    lied: Callable[[str, WitnessLied], None]
    now: Callable[[], datetime]
    _failures: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def send(self) -> None:
        """Give each witness the checkpoints that it has not taken yet, in order; raises StoreError."""
        latest = self.checkpoints.latest()
        if latest is None:
            return
        known = self.memory.witnesses()
        for witness in self.witnesses:
            if self._is_due(witness.name):
                try:
                    self._send(witness, known.get(witness.name), latest)
                except (StoreError, OSError):
                    raise
                except Exception:  # one witness must not hold up the others
                    _log.exception("%s could not be given a checkpoint", witness.name)
                    failure = WitnessFailed("bug", witness=witness.name)
                    self._note_failure(witness.name, known.get(witness.name, WitnessMemory()), failure)

    def ask(self) -> tuple[tuple[Sighting, ...], tuple[WitnessLied, ...]]:
        """Return what each witness says it saw, and those answers that cannot be true.

        A witness that cannot be asked or reached says nothing. Raises StoreError.
        """
        latest, told, lies = self.checkpoints.latest(), list[Sighting](), list[WitnessLied]()
        known = self.memory.witnesses()
        for witness in self.witnesses:
            memory = known.get(witness.name, WitnessMemory())
            try:
                seen = self._seen(witness, memory, latest)
            except WitnessLied as lie:
                self._note_lie(witness.name, memory, lie)
                lies.append(lie)
            except WitnessFailed as failure:
                self._note_failure(witness.name, memory, failure)
            except (StoreError, OSError):
                raise
            except Exception:  # one witness must not silence the others
                _log.exception("%s could not be asked", witness.name)
                self._note_failure(witness.name, memory, WitnessFailed("bug", witness=witness.name))
            else:
                if seen is not None and not _is_acknowledged(seen, memory):
                    told.append(Sighting(witness.name, seen.size, seen.root, seen.at, seen.refused))
        return tuple(told), tuple(lies)

    def problems(self, now: Extent) -> tuple[Break, ...]:
        """Ask the witnesses, and return what does not fit what they saw or are remembered to have seen."""
        told, lies = self.ask()
        sightings = dict.fromkeys((*told, *self.remembered()))
        lied = (Break(None, "log", "witness", lie.sentence) for lie in lies)
        return (*self.contradictions(sightings, now), *lied)

    def contradictions(self, sightings: Iterable[Sighting], now: Extent) -> tuple[Break, ...]:
        """Return what does not fit sightings, as far as the stored tree tells."""
        found = (
            contradiction(seen, now, lambda size: self.checkpoints.root(size) or b"") for seen in sightings
        )
        return tuple(broken for broken in found if broken)

    def remembered(self) -> tuple[Sighting, ...]:
        """Return what is remembered of each witness, also of those that are no longer set."""
        known = self.memory.witnesses().items()
        return tuple(
            Sighting(name, memory.size, memory.root, memory.at) for name, memory in known if memory.size
        )

    def acknowledge(self) -> None:
        """Accept that the log is not what witnesses saw, after a restore; raises StoreError.

        What they saw up to now is not held against the log any more, and the next checkpoint goes to them.
        """
        latest = self.checkpoints.latest()
        for name, memory in self.memory.witnesses().items():
            lost = max(memory.size, memory.acknowledged)
            size, root = (latest.size, latest.root) if latest else (0, b"")
            self.memory.remember(name, WitnessMemory(size, root, self.now(), acknowledged=lost))

    def _send(self, witness: Witness, memory: WitnessMemory | None, latest: SignedCheckpoint) -> None:
        try:
            found = memory if memory is not None else self._first(witness, latest)
        except SimsvcError as problem:
            self._note(witness.name, WitnessMemory(), problem)
            return
        if found.size and not found.acknowledged and self.checkpoints.root(found.size) != found.root:
            return  # the log is not what the witness saw: nothing may cover that up
        for checkpoint in self._pending(witness, found, latest):
            try:
                found = self._give(witness, found, checkpoint)
            except (WitnessFailed, WitnessDisagrees, WitnessLied) as problem:
                self._note(witness.name, found, problem)
                return

    def _first(self, witness: Witness, latest: SignedCheckpoint) -> WitnessMemory:
        """Return what a witness saw of which nothing is remembered, and remember it."""
        if not witness.takes_every:
            return WitnessMemory()  # it compares by itself what it is given
        seen = self._seen(witness, WitnessMemory(), latest)
        if seen is None or seen.root is None:
            return WitnessMemory()
        memory = WitnessMemory(seen.size, seen.root, seen.at or self.now())
        self.memory.remember(witness.name, memory)
        return memory

    def _pending(
        self, witness: Witness, memory: WitnessMemory, latest: SignedCheckpoint
    ) -> Sequence[SignedCheckpoint]:
        if memory.size >= latest.size and not memory.acknowledged:
            return ()
        if not witness.takes_every or not memory.size or memory.acknowledged:
            return (latest,)
        return self.checkpoints.after(memory.size, AT_ONCE)

    def _give(self, witness: Witness, memory: WitnessMemory, checkpoint: SignedCheckpoint) -> WitnessMemory:
        for cosignature in witness.take(checkpoint, memory.size, self.checkpoints.prove):
            self.keep(checkpoint.size, cosignature)
        self._failures.pop(witness.name, None)
        taken = WitnessMemory(checkpoint.size, checkpoint.root, self.now(), lie=memory.lie)
        self.memory.remember(witness.name, taken)
        return taken

    def _seen(self, witness: Witness, memory: WitnessMemory, latest: SignedCheckpoint | None) -> Seen | None:
        seen = witness.last(latest, self.checkpoints.prove)
        if seen is None:
            return None
        if seen.note is not None and not self.checkpoints.is_ours(seen.note):
            raise WitnessLied("note", witness=witness.name)
        if seen.root is not None and seen.size == memory.size and seen.root != memory.root:
            first, second = memory.root.hex(), seen.root.hex()
            raise WitnessLied("two_answers", witness=witness.name, size=seen.size, first=first, second=second)
        if witness.takes_every and seen.size < memory.size:
            raise WitnessLied("forgot", witness=witness.name, answered=seen.size, size=memory.size)
        return replace(seen, at=seen.at or (memory.at if seen.size == memory.size else None))

    def _note(self, name: str, memory: WitnessMemory, problem: SimsvcError) -> None:
        if isinstance(problem, WitnessLied):
            self._note_lie(name, memory, problem)
        else:
            self._note_failure(name, memory, problem)

    def _note_lie(self, name: str, memory: WitnessMemory, lie: WitnessLied) -> None:
        _log.error("%s", lie)
        self.memory.remember(name, replace(memory, lie=lie.sentence))
        self.lied(name, lie)
        self._fail(name)

    def _note_failure(self, name: str, memory: WitnessMemory, failure: SimsvcError) -> None:
        _log.warning("%s", failure)
        since = memory.failing_since or self.now()
        self.memory.remember(name, replace(memory, error=failure.sentence, failing_since=since))
        self._fail(name)

    def _fail(self, name: str) -> None:
        count = self._failures.get(name, (0, self.now()))[0] + 1
        pause = timedelta(seconds=PAUSES_S[min(count, len(PAUSES_S) - 1)])
        self._failures[name] = (count, self.now() + pause)

    def _is_due(self, name: str) -> bool:
        """Return whether a pause is over; one that a clock set back has made longer is."""
        at = self._failures[name][1] if name in self._failures else self.now()
        return not timedelta() < at - self.now() <= timedelta(seconds=PAUSES_S[-1])


def _is_acknowledged(seen: Seen, memory: WitnessMemory) -> bool:
    """Return whether a witness saw only what was lost in a restore that was acknowledged."""
    return bool(memory.acknowledged) and memory.size < seen.size <= memory.acknowledged
