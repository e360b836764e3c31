"""Looking over the installation part by part; a part that is not well stops no other one's turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simsvc.errors import SimsvcError
from simsvc.values.findings import Finding

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
