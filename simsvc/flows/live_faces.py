"""Labelled faces added, relabelled and removed without a build: every worker follows at its next request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from simsvc.domain.chunks import chunks_of
from simsvc.domain.gallery.face_changes import ChangeSet, FaceChanges, LiveFace
from simsvc.domain.gallery.labelled_faces import LabelledSource, known_ids
from simsvc.domain.gallery.labels import MAX_AGE_YEARS
from simsvc.domain.gallery.manifest import Skipped, split_label
from simsvc.errors import FaceNotFound, FacesRefused
from simsvc.flows.parallel import CHUNK
from simsvc.flows.prepare_face import PreparedFace, prepare
from simsvc.ports import Detector, Model, PictureDecoder
from simsvc.values import LabelledFace
from simsvc.values.site_calibration import SiteCalibration

MOST_FACES = 5_000
"""Faces added in one step. Ours: every worker reads them at its next request, in well under a second."""

Progress = Callable[[int, int], None]


class Journal(Protocol):
    """The file of face changes."""

    def changes(self) -> FaceChanges:
        """Return what was done so far."""
        ...

    def append(self, changes: ChangeSet) -> int:
        """Add a set and return its number; raises IndexUnwritable."""
        ...


class FaceBook(Protocol):
    """Labelled faces on record. Every method is one transaction and raises StoreError."""

    def find(self, face_id: str) -> LabelledFace | None:
        """Return a face of any build, or None."""
        ...

    def put(self, faces: Sequence[LabelledFace], what: str, actor: str, write: Callable[[], int]) -> int:
        """Put faces and the event on record together with what `write` does, and return its number."""
        ...


def _none_refitted(change: ChangeSet) -> Mapping[str, SiteCalibration]:
    """Refit nothing."""
    del change
    return {}


@dataclass(frozen=True, slots=True)
class AddedFaces:
    """What became of photos that were added.

    Attributes:
        label: of the index build beside which they are searched.
        faces: that were added.
        skipped: photos that were not, and why.
    """

    label: str
    faces: tuple[LabelledFace, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class LiveFaces:
    """What changes of labelled faces need.

    Attributes:
        label: gives the label of the index in service.
        known: ids of the faces of that build.
        journal: where changes are kept.
        book: where they are on record.
        detector: finds the faces.
        model: embeds them.
        decoder: makes pixels of photos' bytes; None: this process does, without limits on time and memory.
        refit: gives the site calibrations as they are with one more change.
    """

    label: Callable[[], str]
    known: Callable[[], frozenset[str]]
    journal: Journal
    book: FaceBook
    detector: Detector
    model: Model
    decoder: PictureDecoder | None = None
    refit: Callable[[ChangeSet], Mapping[str, SiteCalibration]] = _none_refitted

    def add(self, source: LabelledSource, actor: str, progress: Progress) -> AddedFaces:
        """Add the labelled faces of a source to the index in service.

        Args:
            source: whose photos are added; one whose face is known, or was removed, is left out.
            actor: who does it, as the log names it.
            progress: told (photos done, photos in all).

        Raises:
            FacesRefused: there are too many, or none can be used.
            IndexUnusable: there is no index in service, or its folder cannot be written to.
            StoreError: they cannot be put on record.
        """
        label = self.label()
        if len(source.photos) > MOST_FACES:
            raise FacesRefused(
                f"At most {MOST_FACES} faces are added at once. Build an index of them: `flask index build`."
            )
        ready, skipped = self._prepared(source, progress)
        if not ready:
            reasons = ", ".join(sorted({entry.reason for entry in skipped})) or "there are none"
            raise FacesRefused(
                f"None of the photos could be added ({reasons}). "
                "Choose photos that each show one face which the index does not hold yet."
            )
        added = tuple(self._embedded(ready, split_label(label)[0]))
        faces = tuple(live.face for live in added)
        change = self._refitted(ChangeSet(added=added))
        self.book.put(faces, "add", actor, lambda: self.journal.append(change))
        return AddedFaces(label, faces, (*source.skipped, *skipped))

    def relabel(self, face_id: str, age_years: float, actor: str) -> LabelledFace:
        """Give a face another label, in every build that holds it, and return it as it was labelled before.

        Raises:
            FacesRefused: nobody is so old.
            FaceNotFound: no labelled face has that id, or it was removed.
            IndexUnwritable: the index folder cannot be written to.
            StoreError: it cannot be put on record.
        """
        if not 0.0 <= age_years <= MAX_AGE_YEARS:
            raise FacesRefused(
                f"An age lies between 0 and {MAX_AGE_YEARS:.0f} years. Correct it and try again."
            )
        face = self._there(face_id)
        fresh = LabelledFace(face.face_id, age_years, face.source, face.reference)
        change = self._refitted(ChangeSet(ages_years={face_id: age_years}))
        self.book.put([fresh], "relabel", actor, lambda: self.journal.append(change))
        return face

    def remove(self, face_id: str, actor: str) -> LabelledFace:
        """Keep a face out of every answer from now on, and out of every later build.

        Raises:
            FaceNotFound: no labelled face has that id, or it was removed already.
            IndexUnwritable: the index folder cannot be written to.
            StoreError: it cannot be put on record.
        """
        face = self._there(face_id)
        change = self._refitted(ChangeSet(removed=frozenset({face_id})))
        self.book.put([face], "remove", actor, lambda: self.journal.append(change))
        return face

    def _refitted(self, change: ChangeSet) -> ChangeSet:
        """Return a change with the site calibration that it leads to: both are on the disk, or neither."""
        return replace(change, calibrations=self.refit(change))

    def _there(self, face_id: str) -> LabelledFace:
        face = self.book.find(face_id)
        if face is None or face_id in self.journal.changes().removed:
            raise FaceNotFound(
                "There is no labelled face of that id. Take an id from an estimate's list of faces."
            )
        return face

    def _prepared(
        self, source: LabelledSource, progress: Progress
    ) -> tuple[list[PreparedFace], list[Skipped]]:
        changes, known = self.journal.changes(), self.known()
        ready: list[PreparedFace] = []
        skipped: list[Skipped] = []
        for done, photo in enumerate(source.photos, 1):
            ids = known_ids(source.name, photo)
            if ids & changes.removed:
                outcome: PreparedFace | Skipped = Skipped(photo.reference, "removed")
            elif ids & known or ids & changes.live.keys():
                outcome = Skipped(photo.reference, "known")
            else:
                outcome = prepare(source, photo, self.detector, self.model, self.decoder)
            if isinstance(outcome, Skipped):
                skipped.append(outcome)
            else:
                ready.append(outcome)
            progress(done, len(source.photos))
        return ready, skipped

    def _embedded(self, ready: Sequence[PreparedFace], index_name: str) -> list[LiveFace]:
        added: list[LiveFace] = []
        for batch in chunks_of(ready, CHUNK):
            said = self.model.predict([entry.crop for entry in batch])
            added += [
                LiveFace(
                    entry.face,
                    index_name,
                    self.model.sha256,
                    embedding,
                    entry.thumbnail,
                    estimate_years=years,
                    person=entry.person,
                )
                for entry, embedding, years in zip(
                    batch, said.embeddings, said.ages_years.tolist(), strict=True
                )
            ]
        return added
