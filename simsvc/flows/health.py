"""Looking over the installation part by part; a part that is not well stops no other one's turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simsvc.errors import SimsvcError

Look = Callable[[], str]
"""Says in a sentence how a part stands, or raises the typed error of what is wrong with it."""


def look_over(looks: Iterable[tuple[str, Look]]) -> tuple[Finding, ...]:
    """Look at every part, in the order given."""
    return tuple(_finding(part, look) for part, look in looks)


def _finding(part: str, look: Look) -> Finding:
    try:
        return Finding(part, well=True, sentence=look())
    except SimsvcError as error:
        return Finding(part, well=False, sentence=error.sentence)


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the installation.

    Attributes:
        part: such as "model", "index", "database", "disk".
        well: whether it can be used.
        sentence: how it stands; where it is not well, what to do.
    """

    part: str
    well: bool
    sentence: str
