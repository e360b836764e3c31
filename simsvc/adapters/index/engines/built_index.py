"""An opened build, whatever engine searches it: its files, faces and facts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.face_columns import (
    COPIES,
    ESTIMATES,
    read_copies,
    read_estimates,
    read_persons,
)
from simsvc.adapters.index.files.gallery import Gallery
from simsvc.adapters.index.files.mapping import mapping
from simsvc.adapters.ops.permissions import shown_path
from simsvc.domain.gallery.labelled_faces import SeenFace
from simsvc.domain.gallery.manifest import Manifest
from simsvc.domain.gallery.near_duplicates import ALONE
from simsvc.errors import IndexDamaged, IndexModelMismatch, IndexUnreadable
from simsvc.values import EVERY_FACE, FaceFilter, FloatVector, FoundFace, Neighbour

FILTERS_KEPT = 8
Segment = Callable[[FloatVector], Iterable[tuple[int, float]]]
"""Takes a unit vector (D,); returns every item of a few rows and its distance, nearest first."""


@dataclass(frozen=True, eq=False)
class Allowed:
    """Allowed items, as a mask (N,)."""

    mask: NDArray[np.bool_]

    @cached_property
    def items(self) -> NDArray[np.intp]:
        """The allowed items, ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def count(self) -> int:
        """Number of allowed items."""
        return int(np.count_nonzero(self.mask))


class BuiltIndex(ABC):
    """Index port over one verified build; an engine adds how vectors are read and searched."""

    def __init__(self, folder: Path, model_sha256: str) -> None:
        """Open a build for one model, after verifying every file.

        Raises IndexDamaged if a file is not as its manifest states, IndexModelMismatch if the build has
        embeddings of a different model, IndexTooLarge if the process cannot map its files, IndexUnreadable if
        a file is not readable, IndexEngineMissing if the engine is not installed.
        """
        self.manifest = manifest = _fitting(folder, model_sha256)
        self._folder = folder
        self.gallery = Gallery(folder)
        self.faces = self.gallery.faces
        self.label, self.count, self.face_changes = manifest.label, manifest.count, 0
        self.support_scale, self.calibration = manifest.support, manifest.calibration
        try:
            with mapping(folder):
                held = self._open(folder)
        except PermissionError as error:
            raise IndexUnreadable(file=shown_path(error)) from None
        except (OSError, ValueError):
            raise damaged(manifest) from None
        if not held == len(self.faces) == manifest.count:
            raise damaged(manifest)
        with mapping(folder):
            self._groups = read_copies(folder) if COPIES in manifest.files else None
            self._estimates = read_estimates(folder) if ESTIMATES in manifest.files else None
        for column in (self._groups, self._estimates):
            if column is not None and len(column) != self.count:
                raise damaged(manifest)
        self._allowed = lru_cache(FILTERS_KEPT)(lambda wanted: Allowed(self.faces.mask(wanted)))

    @abstractmethod
    def embeddings(self) -> FloatVector:
        """Return all embeddings, float32 (N, D), in item order."""

    @abstractmethod
    def search_allowed(self, embedding: FloatVector, k: int, allowed: Allowed) -> tuple[Neighbour, ...]:
        """Return the k nearest allowed faces of a unit vector (D,), nearest first; all where k is larger."""

    @abstractmethod
    def segment(self, rows: FloatVector) -> Segment:
        """Return an exact search of a few rows, float32 (N, D), with distances equal to the build's own."""

    @abstractmethod
    def _open(self, folder: Path) -> int:
        """Open the engine's files and return how many vectors they hold; raises OSError, ValueError."""

    @abstractmethod
    def _nearest(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        """Return the k nearest of all faces."""

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        """Return up to k nearest matching faces of a unit vector (D,), nearest first."""
        if wanted == EVERY_FACE:
            return self._nearest(embedding, k)
        return self.search_allowed(embedding, k, self._allowed(wanted))

    def seen_faces(self) -> list[SeenFace | None]:
        """Return each face's facts for site calibration; raises IndexDamaged if they are unreadable."""
        if self._estimates is None:
            return [None] * self.count
        try:
            persons = read_persons(self._folder)
        except (OSError, ValueError):
            raise damaged(self.manifest) from None
        estimates = zip(self._estimates.tolist(), persons, strict=True)
        return [_seen(own, left_out, person) for (own, left_out), person in estimates]

    def photos(self) -> list[list[int]]:
        """Return the items of photos with several faces."""
        groups: dict[int, list[int]] = {}
        for item, group in enumerate([] if self._groups is None else self._groups.tolist()):
            if group != ALONE:
                groups.setdefault(group, []).append(item)
        return list(groups.values())

    def thumbnail(self, face_id: str) -> bytes:
        """Return the face's thumbnail as JPEG bytes; raises FaceNotFound if the face is not in this build."""
        return self.gallery.thumbnail(face_id)

    def _named(self, items: list[int], far: Sequence[float], rows: FloatVector) -> tuple[Neighbour, ...]:
        """Return found items with their distances and rows as faces."""
        labels = self.faces.labels(items)
        told = zip(labels, rows, self._copies(items), self._estimated(items), far, strict=True)
        return tuple(
            FoundFace(*label, distance, row, copies, raw, estimated_age_years=shown)
            for label, row, copies, (raw, shown), distance in told
        )

    def _copies(self, items: list[int]) -> list[int | None]:
        if self._groups is None:
            return [None] * len(items)
        return [None if group == ALONE else group for group in self._groups[items].tolist()]

    def _estimated(self, items: list[int]) -> list[tuple[float | None, float | None]]:
        if self._estimates is None:
            return [(None, None)] * len(items)
        return [_used_and_shown(own, left_out) for own, left_out in self._estimates[items].tolist()]


def damaged(manifest: Manifest) -> IndexDamaged:
    """Return the error of a build whose engine's files are not as its manifest states."""
    if manifest.index_engine == "lance":
        return IndexDamaged("table", label=manifest.label)
    return IndexDamaged("forest", label=manifest.label)


def _used_and_shown(own: float, left_out: float) -> tuple[float | None, float | None]:
    if math.isnan(own):
        return None, None
    return (None, own) if math.isnan(left_out) else (own, left_out)


def _seen(own: float, left_out: float, person: str | None) -> SeenFace | None:
    """Return a face for the calibration, or None for composites and others."""
    return None if math.isnan(left_out) else SeenFace(own, person)


def _fitting(folder: Path, model_sha256: str) -> Manifest:
    manifest = manifests.read(folder)
    if manifest.model.sha256 != model_sha256:
        raise IndexModelMismatch("distances", label=manifest.label, model=manifest.model.version)
    return manifests.verify(folder)
