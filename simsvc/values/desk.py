"""What people at the desk add to an estimate: the case, the declared dates, and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

DecisionKind = Literal["accept", "override", "refer"]
DECISION_KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the applicant's file says; each part may be missing.

    Attributes:
        case: reference of the case, hostile text: shown escaped, never a path.
        birth_date: as declared.
        photo_date: when the photo was taken, as declared; without it, the day of the upload is assumed.
    """

    case: str | None = None
    birth_date: date | None = None
    photo_date: date | None = None


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A decision before it is on record.

    Attributes:
        kind: what was decided.
        age_years: the age that takes the estimate's place, whole years; only of an override.
        reason: why it does; only of an override.
        note: anything else, or empty.
    """

    kind: DecisionKind
    age_years: int | None = None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision on record. The one with the highest number counts; none is ever edited.

    Attributes:
        number: 1 and up within its estimate.
        draft: what was decided.
        decided_by: public id of the account.
        created_at: UTC.
    """

    number: int
    draft: DecisionDraft
    decided_by: str
    created_at: datetime
