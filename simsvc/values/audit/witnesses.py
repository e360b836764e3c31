"""Witnesses: places that keep checkpoints of the log, which the owner of the database need not own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

Prove = Callable[[int, int], Sequence[bytes]]
"""Returns the consistency proof from an older tree size to a newer one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness says it saw last.

    Attributes:
        size: tree size.
        root: root hash; None if the witness tells only the size.
        note: the signed note, if the witness keeps it.
        at: when it took it, if known.
        refused: whether it says that the log as it is now does not continue what it saw.
    """

    size: int
    root: bytes | None = None
    note: str | None = None
    at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified signature of a witness on a checkpoint: key name, time in the signature, and its line."""

    name: str
    at: datetime
    line: str


@dataclass(frozen=True, slots=True)
class WitnessMemory:
    """What is remembered of a witness, outside the database.

    Attributes:
        size: tree size of the last checkpoint that it took; 0 before the first.
        root: root hash of that tree.
        at: when it took it.
        error: why it could not be reached since then.
        failing_since: when that began.
        lie: what it answered that cannot be true, in a sentence.
        acknowledged: tree size that it saw before a restore that was acknowledged; 0 if none.
    """

    size: int = 0
    root: bytes = b""
    at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None
    lie: str | None = None
    acknowledged: int = 0


@dataclass(frozen=True, slots=True)
class WitnessCheck:
    """When the log was last compared with its witnesses, and the problems that were found, in sentences."""

    at: datetime
    problems: tuple[str, ...]
