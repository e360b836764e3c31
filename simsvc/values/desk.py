"""Input by underwriters: declared data and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

DecisionKind = Literal["accept", "override", "need_more", "refer"]
"""Plausible, not plausible, more is needed to decide, sent to another person: about the declared age."""
DECISION_KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)
Verdict = Literal["fits", "outside", "cannot_tell"]
"""How a declared age lies to the range of an estimate; see `domain.desk.verdict`."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Declaration:
    """Declared data; the case is untrusted: shown escaped, never a path. The upload dates undated photos."""

    case: str | None = None
    birth_date: date | None = None
    photo_date: date | None = None


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A decision that is not recorded yet.

    Only an override has an age, in whole years, and a reason; the note of `need_more` says what is needed.
    """

    kind: DecisionKind
    age_years: int | None = None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision recorded at a time in UTC. The highest number, from 1, is current; none is ever changed."""

    number: int
    draft: DecisionDraft
    decided_by: str
    created_at: datetime
