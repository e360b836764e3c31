"""Input by underwriters: declared data and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

DecisionKind = Literal["accept", "override", "refer"]
DECISION_KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)


@dataclass(frozen=True, slots=True)
class Declaration:
    """Declared data; all fields are optional.

    Attributes:
        case: case reference, untrusted text: shown escaped, never used as a path.
        birth_date: as declared.
        photo_date: declared date of the photo; defaults to the upload date.
    """

    case: str | None = None
    birth_date: date | None = None
    photo_date: date | None = None


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A decision that is not recorded yet.

    Attributes:
        kind: what was decided.
        age_years: assessed age in whole years, for an override only.
        reason: for an override only.
        note: free text, may be empty.
    """

    kind: DecisionKind
    age_years: int | None = None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A recorded decision. The one with the highest number is current; none is ever changed.

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
