"""Compare the log with what witnesses saw of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simsvc.domain.audit.tree.merkle import EMPTY_ROOT
from simsvc.values.events import Break

Root = Callable[[int], bytes]
"""Returns the root hash of the first events of the log as it is now."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What somebody saw of the log.

    Attributes:
        by: who saw it, such as "file:/mnt/log/checkpoints".
        size: number of events.
        root: root hash; None if only the number is known.
        at: when, if known.
        refused: whether the witness said itself that the log does not continue what it saw.
    """

    by: str
    size: int
    root: bytes | None = None
    at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """How long the log is.

    Attributes:
        events: that are stored.
        until: time of the last one, as it says; "" if there is none.
        checkpoint: tree size of the largest stored checkpoint; 0 if there is none.
    """

    events: int
    until: str
    checkpoint: int


def contradiction(seen: Sighting, now: Extent, root: Root) -> Break | None:
    """Return the problem if the log does not begin with what was seen, or None.

    Codes: "tail_cut", where the log still has a checkpoint of more events than there are; "rolled_back",
    where it is as it was before; "rewritten", where it has enough events, but others.
    """
    said = f"{seen.by} saw {seen.size} events{_on(seen.at)}"
    if seen.size > now.events:
        end = f"the log ends with event {now.events}{f' of {now.until}' if now.until else ''}"
        if now.checkpoint > now.events:
            sentence = f"The end of the log was cut: {said}, but {end}."
            return Break(now.events + 1, "", "tail_cut", sentence)
        sentence = f"The log was rolled back to an earlier state, or its end was cut: {said}, but {end}."
        return Break(now.events + 1, "", "rolled_back", sentence)
    differs = seen.root is not None and (root(seen.size) if seen.size else EMPTY_ROOT) != seen.root
    if not differs and not seen.refused:
        return None
    sentence = f"The log was rewritten: {said}, but the first {seen.size} events are not those any more."
    return Break(None, "", "rewritten", sentence)


def _on(at: datetime | None) -> str:
    return f" on {at:%Y-%m-%d at %H:%M:%S} UTC" if at else ""
