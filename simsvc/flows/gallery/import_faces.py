"""Import reference faces in the browser: take an upload in, check it, build an index from it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from simsvc.domain.gallery.importing.import_findings import findings
from simsvc.domain.gallery.importing.import_labels import common_folder, match_rows
from simsvc.domain.gallery.labels import MAX_AGE_YEARS, LabelTable, read_label_table
from simsvc.domain.gallery.manifest import NAME_PATTERN
from simsvc.errors import (
    ImportInterrupted,
    ImportRefused,
    ImportTooLarge,
    LabelsUnreadable,
)
from simsvc.messages import Message
from simsvc.values.face_imports import (
    WORKING,
    FaceImport,
    ImportCheck,
    ImportPhoto,
    ImportState,
    Phase,
    SkippedRow,
)

MOST_PHOTOS = 5_000
"""Photos of one import: some minutes of two cores, and a page that people can read."""
MOST_UNFINISHED = 5
"""Imports at a time, so that forgotten uploads do not fill the disk."""
MOST_LABELS_BYTES = 2_000_000
"""Maximum size of the table, well above `MOST_PHOTOS` rows."""
TOO_LARGE = "photo_too_many_bytes"

_log = logging.getLogger(__name__)


class Spool(Protocol):
    """Stored imports."""

    def filling(self) -> AbstractContextManager[str]:
        """Create an import that disappears if the upload fails, and yield its ID."""

    def put(self, import_id: str, position: int, data: bytes) -> None:
        """Store a photo; raises BatchUnwritable."""

    def photo(self, import_id: str, position: int) -> Path:
        """Return the path of a photo."""

    def drop(self, import_id: str, position: int) -> None:
        """Delete a photo."""

    def save(self, upload: FaceImport) -> None:
        """Store labels and choices."""

    def find(self, import_id: str) -> FaceImport:
        """Return an import; raises ImportNotFound."""

    def set_state(self, import_id: str, state: ImportState) -> None:
        """Store how far an import is."""

    def state(self, import_id: str) -> ImportState:
        """Return how far an import is."""

    def check(self, import_id: str) -> ImportCheck:
        """Return what checking found so far."""

    def held(self, import_id: str) -> AbstractContextManager[int]:
        """Hold the lock of an import; raises ImportBusy."""

    def is_held(self, import_id: str) -> bool:
        """Return whether a process is at work."""

    def all(self) -> list[FaceImport]:
        """Return all imports."""

    def delete(self, import_id: str) -> None:
        """Delete an import."""


@dataclass(frozen=True, slots=True)
class UploadedFiles:
    """The files of a form: photos by canonical path, None if too large, and the table with its path.

    `labels` is called after the photos were read.
    """

    photos: Iterable[tuple[str, bytes | None]]
    labels: Callable[[], tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Imports:
    """Operations on imports.

    Attributes:
        start: starts the process that checks or builds an import, and hands the lock over to it.
        most_bytes: largest total size of the photos of one import.
    """

    spool: Spool
    start: Callable[[str, int], None]
    now: Callable[[], datetime]
    most_bytes: int

    def take_in(self, files: UploadedFiles, name: str, made_by: str) -> str:
        """Store the labelled photos of an upload, start checking them, and return its ID.

        Raises ImportRefused if the name, the table or the files cannot be used, ImportTooLarge if there is
        too much, and BatchUnwritable if there is no room on the disk.
        """
        self._check_new(name)
        with self.spool.filling() as import_id:
            paths, too_large = self._stored(import_id, files.photos)
            if not paths:
                raise ImportRefused("no_photo")
            path, data = files.labels()
            upload = self._matched(import_id, paths, too_large, _labels(data), common_folder(path))
            self.spool.set_state(import_id, ImportState(total=len(upload.photos)))
            self.spool.save(replace(upload, name=name, made_by=made_by))
        self.check(import_id)
        return import_id

    def begin(self, name: str, made_by: str) -> str:
        """Create an import without photos, and return its ID; raises ImportRefused, ImportTooLarge."""
        self._check_new(name)
        with self.spool.filling() as import_id:
            self.spool.set_state(import_id, ImportState())
            self.spool.save(FaceImport(import_id, name, made_by, self.now()))
        return import_id

    def add(self, import_id: str, data: bytes, photo: ImportPhoto) -> None:
        """Add a photo; its position is replaced. Raises ImportBusy, ImportRefused, ImportTooLarge."""
        _check_label(photo)
        with self.spool.held(import_id):
            upload = self._editable(import_id)
            if len(upload.photos) >= MOST_PHOTOS:
                raise ImportTooLarge("photos", most=MOST_PHOTOS)
            position = 1 + max((one.position for one in upload.photos), default=-1)
            used = {one.reference for one in upload.photos}
            reference = photo.reference if photo.reference not in used else f"{position}-{photo.reference}"
            self.spool.put(import_id, position, data)
            fresh = replace(photo, position=position, reference=reference)
            self.spool.save(replace(upload, photos=(*upload.photos, fresh)))
            self.spool.set_state(import_id, ImportState())

    def revise(self, import_id: str, ages_years: Mapping[int, float], left_out: Mapping[int, bool]) -> None:
        """Change labels and what is left out, by position; raises ImportBusy, ImportRefused."""
        with self.spool.held(import_id):
            upload = self._editable(import_id)
            photos = tuple(
                replace(
                    photo,
                    age_years=ages_years.get(photo.position, photo.age_years),
                    left_out=left_out.get(photo.position, photo.left_out),
                )
                for photo in upload.photos
            )
            for photo in photos:
                _check_label(photo)
            self.spool.save(replace(upload, photos=photos))

    def check(self, import_id: str) -> None:
        """Start checking; raises ImportBusy."""
        self._started(import_id, ImportState("checking", total=len(self.spool.find(import_id).photos)))

    def build(self, import_id: str) -> None:
        """Start a build of what is usable; raises ImportBusy, ImportRefused."""
        self._started(import_id, ImportState("building", total=self._usable(import_id)))

    def add_live(self, import_id: str, by: str) -> None:
        """Start adding what is usable to the index in service; raises ImportBusy, ImportRefused."""
        self._started(import_id, ImportState("adding", total=self._usable(import_id), by=by))

    def delete(self, import_id: str) -> None:
        """Delete an import; raises ImportBusy."""
        with self.spool.held(import_id):
            self.spool.delete(import_id)

    def state(self, import_id: str) -> ImportState:
        """Return how far an import is, with the problem if its process ended half way."""
        state = self.spool.state(import_id)
        if not is_working(state) or self.spool.is_held(import_id):
            return state
        state = self.spool.state(import_id)  # it may have finished in between
        return replace(state, problem=ImportInterrupted("stopped").message) if is_working(state) else state

    def _usable(self, import_id: str) -> int:
        usable = findings(self.spool.find(import_id), self.spool.check(import_id)).usable
        if not usable:
            raise ImportRefused("unused")
        return len(usable)

    def _started(self, import_id: str, state: ImportState) -> None:
        with self.spool.held(import_id) as lock:
            self._editable(import_id)
            self.spool.set_state(import_id, state)
            try:
                self.start(import_id, lock)
            except OSError:
                _log.exception("import %s cannot be processed", import_id)
                problem = ImportInterrupted("unexpected").message
                self.spool.set_state(import_id, replace(state, phase=earlier(state), problem=problem))

    def _editable(self, import_id: str) -> FaceImport:
        if is_finished(self.spool.state(import_id)):
            raise ImportRefused("built")
        return self.spool.find(import_id)

    def _check_new(self, name: str) -> None:
        if not NAME_PATTERN.fullmatch(name):
            raise ImportRefused("name")
        unfinished = [one for one in self.spool.all() if not is_finished(self.spool.state(one.id))]
        if len(unfinished) >= MOST_UNFINISHED:
            raise ImportTooLarge("unfinished", most=MOST_UNFINISHED)

    def _stored(
        self, import_id: str, photos: Iterable[tuple[str, bytes | None]]
    ) -> tuple[list[str], set[int]]:
        """Store all photos, and return their paths and the places of those that are too large."""
        paths: list[str] = []
        too_large: set[int] = set()
        size_bytes = 0
        for path, data in photos:
            if len(paths) >= MOST_PHOTOS:
                raise ImportTooLarge("photos", most=MOST_PHOTOS)
            size_bytes += len(data or b"")
            if size_bytes > self.most_bytes:
                raise ImportTooLarge("bytes", most_mb=self.most_bytes / 1e6)
            if data is None:
                too_large.add(len(paths))
            else:
                self.spool.put(import_id, len(paths), data)
            paths.append(path)
        return paths, too_large

    def _matched(
        self, import_id: str, paths: list[str], too_large: set[int], table: LabelTable, folder: str
    ) -> FaceImport:
        matched = match_rows(table, paths, folder)
        if not matched.photos:
            raise _no_row(table, paths)
        photos = [
            ImportPhoto(place, row.file, row.age_years, row.person, row.photo_date)
            for row, place in matched.photos
            if place not in too_large
        ]
        skipped = [SkippedRow(row.file, TOO_LARGE, row.line) for row, at in matched.photos if at in too_large]
        for place in set(range(len(paths))) - {photo.position for photo in photos}:
            self.spool.drop(import_id, place)
        return FaceImport(
            import_id,
            "",
            "",
            self.now(),
            tuple(sorted(photos, key=lambda photo: photo.position)),
            (*matched.skipped, *skipped),
            table.unknown_columns,
        )


def is_working(state: ImportState) -> bool:
    """Return whether a process should be at work."""
    return state.phase in WORKING


def is_finished(state: ImportState) -> bool:
    """Return whether the photos have been used and deleted."""
    return state.phase in {"built", "added"}


def earlier(state: ImportState) -> Phase:
    """Return the phase to which a failed attempt goes back."""
    return "open" if state.phase == "checking" else "checked"


def photo_sha256(path: Path) -> str:
    """Return the SHA-256 of a stored photo, or of nothing if it is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256(path.name.encode()).hexdigest()


def _check_label(photo: ImportPhoto) -> None:
    if not 0.0 <= photo.age_years <= MAX_AGE_YEARS:
        raise ImportRefused("age")
    if photo.photo_date is not None and photo.photo_date < date(1826, 1, 1):  # the oldest photo
        raise ImportRefused("date")


def _labels(data: bytes) -> LabelTable:
    if len(data) > MOST_LABELS_BYTES:
        raise ImportRefused("labels_size")
    try:
        return read_label_table(data)
    except LabelsUnreadable as error:
        problem = error.params.get("problem") if error.reason == "table" else error.message
        raise ImportRefused("labels", problem=problem) from None


def _no_row(table: LabelTable, paths: list[str]) -> ImportRefused:
    if table.rows:
        return ImportRefused("no_match", listed=table.rows[0].file, found=paths[0])
    if table.problems:
        return ImportRefused("no_row", line=table.problem_lines[0], problem=Message(table.problems[0][1]))
    return ImportRefused("empty_labels")
