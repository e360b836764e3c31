"""Photos that are judged in a row, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from simsvc.errors import SimsvcError
from simsvc.messages import Message
from simsvc.values.erasure import ERASED

PhotoStatus = Literal["waiting", "estimated", "refused", "failed"]
"""Not yet judged; answered with an age; answered with a refusal; given up, which is ours to mend."""


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo as it comes into a batch.

    Attributes:
        name: what the client calls it; shown escaped, never opened.
        case_reference: whose application it belongs to, or None.
        refusal: why it is refused unjudged, or None: it waits.
        birth_date: as declared, or None.
        photo_date: as declared, or None.
        size_bytes: on the disk while it waits.
    """

    name: str
    case_reference: str | None = None
    refusal: SimsvcError | None = None
    birth_date: date | None = None
    photo_date: date | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that came with a batch and is none of its photos.

    Attributes:
        name: what the client calls it.
        why: of `domain.desk.contents.LEFT_OUT`.
    """

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class BatchNotes:
    """What is said of a batch besides its photos.

    Attributes:
        left_out: the first of the files that were left out.
        left_out_count: all of them.
        unread_columns: of the table that came with it.
        guessed: encodings as which names in its ZIPs were read, such as "GBK", where the ZIPs do not say.
    """

    left_out: tuple[LeftOut, ...] = ()
    left_out_count: int = 0
    unread_columns: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Photos that wait to be judged, and their bytes on the disk."""

    photos: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BatchPhoto:
    """A photo of a batch, and what became of it.

    Attributes:
        position: in the batch, 0 and up.
        name: what the client calls it.
        case_reference: whose application it belongs to, or None.
        status: waiting, or how it ended.
        attempts: how often judging it was begun.
        code: of a refusal or failure.
        sentence: of a refusal or failure.
        estimate_id: public id of its record, or None.
        age_years: the estimate, or None.
        birth_date: as declared, or None.
        photo_date: as declared, or None.
    """

    position: int
    name: str
    case_reference: str | None = None
    status: PhotoStatus = "waiting"
    attempts: int = 0
    code: str | None = None
    sentence: Message | None = None
    estimate_id: str | None = None
    age_years: float | None = None
    birth_date: date | None = None
    photo_date: date | None = None

    @property
    def erased(self) -> bool:
        """Say whether the photo and its record were erased; what is left is its place in the batch."""
        return self.code == ERASED


@dataclass(frozen=True, slots=True)
class Batch:
    """Photos sent together.

    Attributes:
        id: public: 32 hex digits.
        number: running number, 1 and up.
        name: what the client calls what was sent; empty once one of the photos was erased.
        created_at: UTC.
        asked_by: public id of the account that sent them.
        problem: why it does not go on just now, or None.
        counts: photos by status.
        notes: what is said of it besides.
    """

    id: str
    number: int
    name: str
    created_at: datetime
    asked_by: str
    problem: Message | None
    counts: dict[str, int]
    notes: BatchNotes = BatchNotes()

    @property
    def total(self) -> int:
        """Count all photos."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Count the photos not yet judged."""
        return self.counts.get("waiting", 0)

    @property
    def done(self) -> int:
        """Count the photos that need no more work."""
        return self.total - self.waiting


@dataclass(frozen=True, slots=True)
class IndexSwitch:
    """That a build was put into service.

    Attributes:
        label: "name/build" of the build.
        previous: the one before, or None.
        switched_at: UTC.
        switched_by: public id of the account, or None on the command line.
    """

    label: str
    previous: str | None
    switched_at: datetime
    switched_by: str | None
