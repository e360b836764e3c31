"""Add, relabel and remove reference faces without a build; workers follow at their next request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from simsvc.domain.chunks import chunks_of
from simsvc.domain.gallery.face_changes import ChangeSet, FaceChanges, LiveFace, set_sha256
from simsvc.domain.gallery.labelled_faces import LabelledSource, known_ids
from simsvc.domain.gallery.labels import MAX_AGE_YEARS
from simsvc.domain.gallery.manifest import Skipped, split_label
from simsvc.errors import FaceNotFound, FacesRefused
from simsvc.flows.gallery.prepare_face import PreparedFace, prepare
from simsvc.flows.parallel import CHUNK
from simsvc.ports import Detector, Model, PictureDecoder
from simsvc.values import LabelledFace
from simsvc.values.site_calibration import SiteCalibration

MOST_FACES = 5_000
"""Faces added in one step, so that workers read them in well under a second."""

Progress = Callable[[int, int], None]


NOTHING: Mapping[str, object] = MappingProxyType({})


class ChangeJournal(Protocol):
    """The file of face changes."""

    def changes(self) -> FaceChanges:
        """Return the changes so far."""

    def append(self, changes: ChangeSet) -> int:
        """Add a set and return its number; raises IndexUnwritable."""


class FaceBook(Protocol):
    """Recorded reference faces. Every method is one transaction and raises StoreError."""

    def find(self, face_id: str) -> LabelledFace | None:
        """Return a face of any build, or None."""

    def put(
        self,
        faces: Sequence[LabelledFace],
        what: str,
        actor: str,
        write: Callable[[], int],
        said: Mapping[str, object] = NOTHING,
    ) -> int:
        """Record faces and the event in one transaction with `write`, and return its number.

        The event's content includes what is `said`.
        """


def _digest(change: ChangeSet) -> dict[str, object]:
    """Return by what the log knows a set of changes."""
    return {"set_sha256": set_sha256(change)}


@dataclass(frozen=True, slots=True)
class AddedFaces:
    """The result of adding photos."""

    label: str
    faces: tuple[LabelledFace, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class LiveFaces:
    """Dependencies of changes to reference faces.

    Attributes:
        label: returns the label of the index in service.
        known: IDs of the faces of that build.
        decoder: decodes photos; None: in this process, without limits on time and memory.
        refit: returns the site calibrations after a change.
    """

    label: Callable[[], str]
    known: Callable[[], frozenset[str]]
    journal: ChangeJournal
    book: FaceBook
    detector: Detector
    model: Model
    decoder: PictureDecoder | None = None
    refit: Callable[[ChangeSet], Mapping[str, SiteCalibration]] = lambda _change: {}

    def add(self, source: LabelledSource, actor: str, progress: Progress) -> AddedFaces:
        """Add the faces of a source to the index in service, without known and removed faces.

        `progress` is called with (photos done, total).

        Raises FacesRefused if there are too many, or none can be used; IndexUnusable if there is no index in
        service, or its folder cannot be written to; StoreError if they cannot be put on record.
        """
        label = self.label()
        if len(source.photos) > MOST_FACES:
            raise FacesRefused("count", most=MOST_FACES)
        ready, skipped = self._prepared(source, progress)
        if not ready:
            reasons = ", ".join(sorted({entry.reason for entry in skipped})) or "there are none"
            raise FacesRefused("unusable", reasons=reasons)
        added = tuple(self._embedded(ready, split_label(label)[0]))
        faces = tuple(live.face for live in added)
        change = self._refitted(ChangeSet(added=added))
        self.book.put(faces, "add", actor, lambda: self.journal.append(change), _digest(change))
        return AddedFaces(label, faces, (*source.skipped, *skipped))

    def relabel(self, face_id: str, age_years: float, actor: str, reason: str = "") -> LabelledFace:
        """Change the label of a face in every build, and return the face as it was before.

        Both ages are logged, and the reason if there is one.

        Raises FacesRefused if the age is not valid, FaceNotFound if the face does not exist or was removed,
        IndexUnwritable if the index folder is not writable, StoreError if the change cannot be recorded.
        """
        if not 0.0 <= age_years <= MAX_AGE_YEARS:
            raise FacesRefused("age", most_years=MAX_AGE_YEARS)
        face = self._there(face_id)
        fresh = LabelledFace(face.face_id, age_years, face.source, face.reference)
        change = self._refitted(ChangeSet(ages_years={face_id: age_years}))
        said = {"age_years": age_years, "previous_age_years": face.age_years, **_digest(change)}
        said |= {"reason": reason} if reason else {}
        self.book.put([fresh], "relabel", actor, lambda: self.journal.append(change), said)
        return face

    def remove(self, face_id: str, actor: str, reason: str = "") -> LabelledFace:
        """Remove a face from estimates and builds; a reason is logged.

        Raises FaceNotFound, IndexUnwritable, StoreError.
        """
        face = self._there(face_id)
        change = self._refitted(ChangeSet(removed=frozenset({face_id})))
        said = _digest(change) | ({"reason": reason} if reason else {})
        self.book.put([face], "remove", actor, lambda: self.journal.append(change), said)
        return face

    def _refitted(self, change: ChangeSet) -> ChangeSet:
        """Return a change with its site calibration, so that both are stored together."""
        return replace(change, calibrations=self.refit(change))

    def _there(self, face_id: str) -> LabelledFace:
        face = self.book.find(face_id)
        if face is None or face_id in self.journal.changes().removed:
            raise FaceNotFound("unknown")
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
            for one, embedding, years in zip(batch, said.embeddings, said.ages_years.tolist(), strict=True):
                model = self.model.sha256
                added.append(
                    LiveFace(one.face, index_name, model, embedding, one.thumbnail, years, one.person)
                )
        return added
