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
    """A new photo of a batch, refused at once or waiting on disk; its name is shown escaped, never opened."""

    name: str
    case_reference: str | None = None
    refusal: SimsvcError | None = None
    birth_date: date | None = None
    photo_date: date | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A skipped file of a batch, and the reason of `domain.desk.contents.LEFT_OUT`."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class BatchNotes:
    """First skipped files, their number, ignored columns, and encodings guessed in ZIPs, such as "GBK"."""

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
    """A photo of a batch, by position from 0; `code` and `sentence` are of a refusal or failure."""

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
class Leased:
    """A waiting photo that one worker may judge until its lease ends.

    Attributes:
        batch_id: public ID of its batch.
        number: of its batch.
        asked_by: account that uploaded it.
        worker: holder of the lease.
        photo: with this attempt counted.
    """

    batch_id: str
    number: int
    asked_by: str
    worker: str
    photo: BatchPhoto


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of photos.

    Attributes:
        id: public: 32 hex digits.
        name: name of the upload; empty once a photo was erased.
        created_at: UTC.
        problem: why it does not go on just now, or None.
        counts: photos by status.
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
    """A switch to a build ("name/build") at a time in UTC, by an account or, if None, on the command line."""

    label: str
    previous: str | None
    switched_at: datetime
    switched_by: str | None
