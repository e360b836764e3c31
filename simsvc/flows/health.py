"""Check all parts of the installation, even if one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simsvc.errors import SimsvcError


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of a part such as "model" or "disk".

    Attributes:
        sentence: of a problem, says what to do.
        code: of a problem; "" if all is well.
        serving: whether the service can answer all the same.
    """

    part: str
    well: bool
    sentence: str
    code: str = ""
    serving: bool = True


@dataclass(frozen=True, slots=True)
class Degraded:
    """A problem of a part that goes on all the same, and how."""

    problem: SimsvcError
    goes_on: str

    @property
    def sentence(self) -> str:
        """What is wrong, and what goes on."""
        return f"{self.problem.sentence} {self.goes_on}"


Look = Callable[[], str | Degraded]
"""Returns a sentence on the state of a part, or a problem that it goes on with, or raises a SimsvcError."""


Explain = Callable[[SimsvcError], str]
"""Returns the sentence on a problem."""


def look_over(
    looks: Iterable[tuple[str, Look]], explain: Explain = lambda problem: problem.sentence
) -> tuple[Finding, ...]:
    """Check every part in order."""
    return tuple(_finding(part, look, explain) for part, look in looks)


def status_of(found: Iterable[Finding]) -> str:
    """Return "ready", "degraded" if the service can answer in spite of problems, or "not ready"."""
    parts = tuple(found)
    if all(finding.well for finding in parts):
        return "ready"
    return "degraded" if all(finding.well or finding.serving for finding in parts) else "not ready"


def _finding(part: str, look: Look, explain: Explain) -> Finding:
    try:
        seen = look()
    except SimsvcError as error:
        return Finding(part, well=False, sentence=explain(error), code=error.code, serving=False)
    if isinstance(seen, str):
        return Finding(part, well=True, sentence=seen)
    return Finding(part, well=False, sentence=seen.sentence, code=seen.problem.code)
