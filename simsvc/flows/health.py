"""Check all parts of the installation, even if one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simsvc.errors import SimsvcError

Look = Callable[[], str]
"""Returns a sentence on the state of a part, or raises a SimsvcError."""


def look_over(looks: Iterable[tuple[str, Look]]) -> tuple[Finding, ...]:
    """Check every part in order."""
    return tuple(_finding(part, look) for part, look in looks)


def _finding(part: str, look: Look) -> Finding:
    try:
        return Finding(part, well=True, sentence=look())
    except SimsvcError as error:
        return Finding(part, well=False, sentence=error.sentence)


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of a part such as "model" or "disk"; a sentence on a problem says what to do."""

    part: str
    well: bool
    sentence: str
