"""A build with face changes applied: added faces are searched, removed ones are not returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

import numpy as np

from simsvc.adapters.index.engines.built_index import FILTERS_KEPT, Allowed, BuiltIndex, Segment
from simsvc.adapters.index.face_list import FaceFacts, FaceLister
from simsvc.adapters.index.files.gallery import Gallery
from simsvc.domain.calibration.fit_build import fit_build, seen_faces
from simsvc.domain.calibration.site_calibration import correct
from simsvc.domain.gallery.face_changes import FaceChanges, LiveFace
from simsvc.domain.gallery.labelled_faces import SeenFace
from simsvc.errors import FaceNotFound, IndexModelMismatch
from simsvc.values import (
    EVERY_FACE,
    FaceFilter,
    FloatVector,
    FoundFace,
    LabelledFace,
    Neighbour,
)
from simsvc.values.site_calibration import SiteCalibration


class FreshSegment:
    """Faces added after the build, searched in full, with distances equal to those of the build's engine."""

    def __init__(
        self,
        faces: Sequence[LiveFace],
        segment: Callable[[FloatVector], Segment],
        calibration: SiteCalibration | None = None,
    ) -> None:
        self.faces = tuple(faces)
        self._calibration = calibration
        self._nearest = segment(np.stack([live.embedding for live in self.faces]))

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        """Return up to k nearest matching faces of a unit vector (D,), nearest first."""
        found = ((self.faces[item], far) for item, far in self._nearest(embedding))
        near = (
            FoundFace(
                live.face.face_id,
                live.face.age_years,
                far,
                live.embedding,
                raw_estimate_years=live.estimate_years,
                estimated_age_years=self._estimated(live),
            )
            for live, far in found
            if wanted.admits(live.face)
        )
        return tuple(islice(near, k))

    def _estimated(self, live: LiveFace) -> float | None:
        """Return the displayed estimate of a face that is not part of the calibration."""
        if live.estimate_years is None or self._calibration is None:
            return live.estimate_years
        return correct(live.estimate_years, (), self._calibration).age_years


@dataclass(frozen=True, slots=True)
class FacePage:
    """A page of reference faces, youngest first; count and sources, in alphabetical order, are of all."""

    faces: tuple[LabelledFace, ...]
    count: int
    sources: tuple[str, ...]


class LiveGallery:
    """The reference faces of a build with current changes."""

    def __init__(self, gallery: Gallery, index_name: str, changes: FaceChanges) -> None:
        self._gallery = gallery
        self._index_name = index_name
        self._changes = changes

    @property
    def faces(self) -> tuple[LabelledFace, ...]:
        """The current faces: those of the build in item order, then added ones."""
        return (*self._changes.kept(self._gallery.faces), *self._added())

    def by_age(self, start: int, count: int) -> FacePage:
        """Return `count` faces from position `start`, youngest first."""
        changes, base = self._changes, self._gallery.faces
        added = self._added()
        ages = np.concatenate([base.ages_years, [face.age_years for face in added]])
        for face_id, age_years in changes.ages_years.items():
            if (item := base.item(face_id)) is not None:
                ages[item] = age_years
        gone = [item for item in map(base.item, changes.removed) if item is not None]
        kept = np.delete(np.arange(len(ages)), gone)
        order = kept[np.argsort(ages[kept], kind="stable")]
        chosen = [
            added[item - len(base)] if item >= len(base) else base[item] for item in order[start:][:count]
        ]
        sources = base.sources_of(kept[kept < len(base)]) | {face.source for face in added}
        return FacePage(tuple(map(changes.relabelled, chosen)), len(order), tuple(sorted(sources)))

    def face(self, face_id: str) -> LabelledFace:
        """Return a face with its latest label, even if removed, because records still show it.

        Raises FaceNotFound if the face is not in this build, or was erased.
        """
        live = self._known(face_id)
        return live.face if live else self._changes.relabelled(self._gallery.face(face_id))

    def thumbnail(self, face_id: str) -> bytes:
        """Return a face's JPEG, even if removed; raises FaceNotFound if unknown in this build, or erased."""
        live = self._known(face_id)
        return live.thumbnail if live else self._gallery.thumbnail(face_id)

    def is_pictured(self, face_id: str) -> bool:
        """Return whether a thumbnail begins and ends like a JPEG. Source: ITU-T T.81, table B.1."""
        try:
            thumbnail = self.thumbnail(face_id)
        except FaceNotFound:
            return False
        return thumbnail.startswith(b"\xff\xd8") and thumbnail.endswith(b"\xff\xd9")

    def lister(self, facts: FaceFacts, calibration: SiteCalibration | None) -> FaceLister:
        """Return what lists the current faces with the facts of the build's faces."""
        return FaceLister(self._gallery.faces, facts, self._added_faces(), self._changes, calibration)

    def _added(self) -> list[LabelledFace]:
        return [live.face for live in self._added_faces()]

    def _added_faces(self) -> list[LiveFace]:
        changes = self._changes
        return [
            live
            for face_id, live in changes.live.items()
            if face_id not in changes.removed
            and live.index_name == self._index_name
            and not self._gallery.has(face_id)
        ]

    def _known(self, face_id: str) -> LiveFace | None:
        if face_id in self._changes.erased:
            raise FaceNotFound("erased")
        return self._changes.live.get(face_id)


def _seen(live: LiveFace) -> SeenFace | None:
    return None if live.estimate_years is None else SeenFace(live.estimate_years, live.person)


class LiveIndex:
    """Index port over a verified build and the face changes."""

    def __init__(self, base: BuiltIndex, changes: FaceChanges) -> None:
        self.base = base
        self._changes = changes
        self.label, self.support_scale, self.face_changes = base.label, base.support_scale, changes.number
        name, model = base.manifest.name, base.manifest.model.sha256
        self._gallery = LiveGallery(base.gallery, name, changes)
        self._kept = self._allowed(EVERY_FACE) if changes.removed else None
        fresh = [live for live in changes.added_to(name, model) if not base.gallery.has(live.face.face_id)]
        self._fresh = FreshSegment(fresh, base.segment, self.calibration) if fresh else None
        self._filtered = lru_cache(FILTERS_KEPT)(self._allowed)

    @property
    def count(self) -> int:
        """Number of current faces."""
        kept = self._kept.count if self._kept else self.base.count
        return kept + (len(self._fresh.faces) if self._fresh else 0)

    @property
    def calibration(self) -> SiteCalibration | None:
        """The latest site calibration; raises IndexModelMismatch if it was fitted to a different model."""
        site = self._changes.calibrations.get(self.label, self.base.calibration)
        if site is not None and site.model_sha256 != self.base.manifest.model.sha256:
            raise IndexModelMismatch("live_calibration", label=self.label)
        return site

    def refitted(self) -> SiteCalibration | None:
        """Refit the calibration to the current faces; raises IndexDamaged if the estimates are unreadable."""
        base, changes = self.base, self._changes
        if base.calibration is None:
            return None
        fresh = () if self._fresh is None else self._fresh.faces
        gone = changes.removed
        built = [
            None if face_id in gone else one
            for (face_id, _), one in zip(base.faces.labels(range(base.count)), base.seen_faces(), strict=True)
        ]
        seen = [*built, *map(_seen, fresh)]
        ages = base.faces.ages_years.copy()
        for face_id, age_years in changes.ages_years.items():
            if (item := base.faces.item(face_id)) is not None:
                ages[item] = age_years
        faces = seen_faces(
            seen,
            [*ages.tolist(), *(live.face.age_years for live in fresh)],
            np.concatenate([base.embeddings(), *(live.embedding[None] for live in fresh)]),
            base.photos(),
        )
        if faces is None:
            return base.calibration
        return fit_build(faces, base.manifest.model.sha256).calibration

    @property
    def faces(self) -> tuple[LabelledFace, ...]:
        """The current faces."""
        return self._gallery.faces

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        """Return up to k nearest matching faces of a unit vector (D,), nearest first."""
        allowed = self._kept if wanted == EVERY_FACE else self._filtered(wanted)
        base = self.base
        found = base.search_allowed(embedding, k, allowed) if allowed else base.search(embedding, k)
        kept = tuple(map(self._labelled, found)) if self._changes.ages_years else found
        if self._fresh is None:
            return kept
        both = (*kept, *self._fresh.search(embedding, k, wanted))
        return tuple(sorted(both, key=lambda near: near.distance)[:k])

    def thumbnail(self, face_id: str) -> bytes:
        """Return a face's thumbnail as JPEG bytes; raises FaceNotFound if it is unknown or was erased."""
        return self._gallery.thumbnail(face_id)

    def _allowed(self, wanted: FaceFilter) -> Allowed:
        """Return the items that match by their latest labels and are not removed."""
        faces = self.base.faces
        mask = faces.mask(wanted)
        for face_id in self._changes.ages_years:
            item = faces.item(face_id)
            if item is not None:
                mask[item] = wanted.admits(self._changes.relabelled(faces[item]))
        mask[[item for item in map(faces.item, self._changes.removed) if item is not None]] = False
        return Allowed(mask)

    def _labelled(self, near: Neighbour) -> Neighbour:
        age_years = self._changes.ages_years.get(near.face_id)
        return near if age_years is None else replace(near, age_years=age_years)
