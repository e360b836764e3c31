"""Reference faces that are being imported in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from simsvc.messages import Message

Phase = Literal["open", "checking", "checked", "building", "built", "adding", "added"]
"""open: photos can be added, and some are not checked yet. checking, building an index, adding to the index
in service: a process is at work."""
WORKING: tuple[Phase, ...] = ("checking", "building", "adding")
"""Phases in which a process is at work."""
Step = Literal["photos", "index"]
"""photos: one by one. index: search structure, recall and site calibration, at the end of a build."""


@dataclass(frozen=True, slots=True)
class ImportPhoto:
    """A stored photo with its label.

    Attributes:
        position: number in the upload, and of its file.
        reference: the client's name for it; never a path.
        person: the same for photos of one person, or None.
        left_out: whether someone chose not to use it.
    """

    position: int
    reference: str
    age_years: float
    person: str | None = None
    photo_date: date | None = None
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row of the label table, or a photo, that cannot be used; `line` is the row's, or None."""

    reference: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class FaceImport:
    """An upload of reference faces.

    Attributes:
        name: of the data set, and of the index built from it.
        made_by: public ID of the account.
        skipped: rows without a usable photo and photos without a label.
        ignored_columns: columns of the label table that are not used.
    """

    id: str
    name: str
    made_by: str
    created_at: datetime
    photos: tuple[ImportPhoto, ...] = ()
    skipped: tuple[SkippedRow, ...] = ()
    ignored_columns: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[ImportPhoto, ...]:
        """The photos that are not left out."""
        return tuple(photo for photo in self.photos if not photo.left_out)


@dataclass(frozen=True, slots=True)
class ImportState:
    """How far an import is.

    Attributes:
        done: photos processed in this phase.
        total: photos of this phase.
        problem: why the last attempt failed, or None.
        label: "name/build" of the finished build, or of the one with the added faces, or None.
        by: public ID of the account that started this phase; empty if nobody did.
    """

    phase: Phase = "open"
    step: Step = "photos"
    done: int = 0
    total: int = 0
    problem: Message | None = None
    label: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class CheckedPhoto:
    """What checking found: why a photo is skipped, or None, and the model's estimate of its age."""

    position: int
    skipped: str | None = None
    estimate_years: float | None = None


@dataclass(frozen=True, slots=True)
class ImportCheck:
    """The results of checking: photos, and positions of several files of one photo."""

    photos: tuple[CheckedPhoto, ...] = ()
    copies: tuple[tuple[int, ...], ...] = ()
