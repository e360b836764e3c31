"""Cases: their photos, contradictions and timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from simsvc.messages import Message
from simsvc.values.answers import RecordedEstimate
from simsvc.values.desk import Decision, Verdict


@dataclass(frozen=True, slots=True)
class PhotoUpload:
    """One upload of a photo: the record made of it, and the case it was uploaded to, if any."""

    photo_sha256: str
    public_id: str
    number: int
    case: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OtherUploads:
    """Other records of a photo: how many, and the oldest of them."""

    count: int = 0
    oldest: tuple[PhotoUpload, ...] = ()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Declared data of two photos that cannot both be right, or deserve a look; numbers of both records.

    A number is None for the photo that is being uploaded.
    """

    kind: str
    sentence: Message
    numbers: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to a case.

    Attributes:
        actor: who did it, as in `values.events`; None if unknown.
        numbers: the records it is about.
        events: first and last event of the log that prove it; None if it is older than the log.
    """

    at: datetime
    what: Message
    actor: str | None
    numbers: tuple[int, ...]
    events: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class CasePhoto:
    """A record of a case with its decisions, the current one first, and other uploads of the same photo."""

    record: RecordedEstimate
    decisions: tuple[Decision, ...]
    verdict: Verdict | None
    declared_years: int | None
    uploads: OtherUploads

    @property
    def decision(self) -> Decision | None:
        """Return the current decision."""
        return self.decisions[0] if self.decisions else None
