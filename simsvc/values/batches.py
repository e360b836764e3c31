"""Batches of photos and their results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from simsvc.errors import SimsvcError
from simsvc.messages import Message
from simsvc.values.erasure import ERASED

PhotoStatus = Literal["waiting", "estimated", "refused", "failed"]
"""Not processed yet; estimated; refused; failed because of a problem of the service."""


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A new photo of a batch.

    Attributes:
        name: name sent by the client; shown escaped, never opened.
        case_reference: case reference, or None.
        refusal: why it is refused at once, or None if it waits.
        birth_date: declared, or None.
        photo_date: declared, or None.
        size_bytes: size on disk while it waits.
    """

    name: str
    case_reference: str | None = None
    refusal: SimsvcError | None = None
    birth_date: date | None = None
    photo_date: date | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A skipped file of a batch.

    Attributes:
        name: what the client calls it.
        why: of `domain.desk.contents.LEFT_OUT`.
    """

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class BatchNotes:
    """Notes on a batch.

    Attributes:
        left_out: first skipped files.
        left_out_count: number of skipped files.
        unread_columns: ignored columns of its table.
        guessed: guessed encodings of names in its ZIPs, such as "GBK".
    """

    left_out: tuple[LeftOut, ...] = ()
    left_out_count: int = 0
    unread_columns: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Number of waiting photos and their size on disk."""

    photos: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BatchPhoto:
    """A photo of a batch and its result.

    Attributes:
        position: position in the batch, from 0.
        name: what the client calls it.
        case_reference: case reference, or None.
        status: waiting, or its outcome.
        attempts: number of attempts.
        code: of a refusal or failure.
        sentence: of a refusal or failure.
        estimate_id: public id of its record, or None.
        age_years: the estimate, or None.
        birth_date: declared, or None.
        photo_date: declared, or None.
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
        """Return whether the photo and its record were erased."""
        return self.code == ERASED


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of photos.

    Attributes:
        id: public: 32 hex digits.
        number: running number, 1 and up.
        name: name of the upload; empty once a photo was erased.
        created_at: UTC.
        asked_by: public id of the account that sent them.
        problem: why it does not go on just now, or None.
        counts: photos by status.
        notes: notes on the batch.
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
        """Count the waiting photos."""
        return self.counts.get("waiting", 0)

    @property
    def done(self) -> int:
        """Count the finished photos."""
        return self.total - self.waiting


@dataclass(frozen=True, slots=True)
class IndexSwitch:
    """A switch to an index build.

    Attributes:
        label: "name/build" of the build.
        previous: previous build, or None.
        switched_at: UTC.
        switched_by: public id of the account, or None on the command line.
    """

    label: str
    previous: str | None
    switched_at: datetime
    switched_by: str | None
