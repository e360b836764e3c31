"""Annoy index: a memory-mapped forest shared by processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.annoy_forest import load_forest, rows_of
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
from simsvc.domain.gallery.nearest import distances
from simsvc.domain.gallery.search_effort import search_k_for
from simsvc.errors import IndexDamaged, IndexModelMismatch, IndexUnreadable
from simsvc.values import EVERY_FACE, FaceFilter, FloatVector, FoundFace, Neighbour

FILE = "faces.annoy"
EVERY_LEAF = 1_000
"""Up to this many candidates, Annoy inspects every leaf."""
ITEMS_A_BLOCK = 65_536
"""Rows per chunk of the exact search: 17 MB for 64 dimensions."""
FILTERS_KEPT = 8


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


class AnnoyIndex:
    """Index port over one verified build."""

    def __init__(self, folder: Path, model_sha256: str) -> None:
        """Open a build for one model, after verifying every file.

        Raises IndexDamaged if a file is not as its manifest states, IndexModelMismatch if the build has
        embeddings of a different model, IndexTooLarge if the process cannot map its files, IndexUnreadable if
        a file is not readable.
        """
        self.manifest = manifest = _fitting(folder, model_sha256)
        self._folder = folder
        self.gallery = Gallery(folder)
        self.faces = self.gallery.faces
        self.label, self.count, self.face_changes = manifest.label, manifest.count, 0
        self.support_scale, self.calibration = manifest.support, manifest.calibration
        try:
            with mapping(folder):
                self._forest = load_forest(folder / FILE, self.manifest.dims)
        except PermissionError as error:
            raise IndexUnreadable(file=shown_path(error)) from None
        except (OSError, ValueError):
            raise _damaged(self.manifest) from None
        if not self._forest.get_n_items() == len(self.faces) == self.manifest.count:
            raise _damaged(self.manifest)
        with mapping(folder):
            self._rows = rows_of(folder / FILE, self._forest, self.count, self.manifest.dims)
            self._groups = read_copies(folder) if COPIES in self.manifest.files else None
            self._estimates = read_estimates(folder) if ESTIMATES in self.manifest.files else None
        for column in (self._groups, self._estimates):
            if column is not None and len(column) != self.count:
                raise _damaged(self.manifest)
        self._allowed = lru_cache(FILTERS_KEPT)(lambda wanted: Allowed(self.faces.mask(wanted)))

    def embeddings(self) -> FloatVector:
        """Return all embeddings, float32 (N, D), in item order, mapped read-only."""
        return self._rows

    def seen_faces(self) -> list[SeenFace | None]:
        """Return each face's facts for site calibration; raises IndexDamaged if they are unreadable."""
        if self._estimates is None:
            return [None] * self.count
        try:
            persons = read_persons(self._folder)
        except (OSError, ValueError):
            raise _damaged(self.manifest) from None
        estimates = zip(self._estimates.tolist(), persons, strict=True)
        return [_seen(own, left_out, person) for (own, left_out), person in estimates]

    def photos(self) -> list[list[int]]:
        """Return the items of photos with several faces."""
        groups: dict[int, list[int]] = {}
        for item, group in enumerate([] if self._groups is None else self._groups.tolist()):
            if group != ALONE:
                groups.setdefault(group, []).append(item)
        return list(groups.values())

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        """Return up to k nearest matching faces of a unit vector (D,), nearest first."""
        if wanted == EVERY_FACE:
            return self._named(self._inspected(embedding, k))
        return self.search_allowed(embedding, k, self._allowed(wanted))

    def search_allowed(self, embedding: FloatVector, k: int, allowed: Allowed) -> tuple[Neighbour, ...]:
        """Return the k nearest allowed faces of a unit vector (D,), nearest first; all where k is larger.

        The search is widened until k results are allowed. If it would inspect more candidates than there are
        allowed rows, these are searched exactly instead, as a row takes as long as a candidate, some 100 ns
        in a million faces. So filters do not reduce recall.
        """
        deepest = min(k + self.count - allowed.count, self.count)
        asked = min(deepest, -(-k * self.count // max(allowed.count, 1)) + k)
        while deepest <= EVERY_LEAF or self._search_k(asked) <= allowed.count:
            found = [(item, far) for item, far in self._inspected(embedding, asked) if allowed.mask[item]]
            if len(found) >= k or asked >= deepest:
                return self._named(iter(found[:k]))
            asked = min(2 * asked, deepest)
        return self._named(self._read(embedding, k, allowed))

    def thumbnail(self, face_id: str) -> bytes:
        """Return the face's thumbnail as JPEG bytes; raises FaceNotFound if the face is not in this build."""
        return self.gallery.thumbnail(face_id)

    def _copies(self, items: list[int]) -> list[int | None]:
        if self._groups is None:
            return [None] * len(items)
        return [None if group == ALONE else group for group in self._groups[items].tolist()]

    def _search_k(self, k: int) -> int:
        """Return the number of candidates of a search for k; fixed for older builds."""
        trees, search_k = self.manifest.trees, self.manifest.search_k
        return search_k_for(search_k, trees, k) if self.manifest.measured else max(search_k, k * trees)

    def _inspected(self, embedding: FloatVector, k: int) -> Iterator[tuple[int, float]]:
        found = self._forest.get_nns_by_vector(embedding.tolist(), k, self._search_k(k), True)
        return zip(*found, strict=True)

    def _read(self, embedding: FloatVector, k: int, allowed: Allowed) -> Iterator[tuple[int, float]]:
        """Return items and distances of an exact search over every allowed row."""
        vector = embedding.astype(np.float32)
        blocks = range(0, allowed.count, ITEMS_A_BLOCK)
        cosines = [self._rows[allowed.items[start : start + ITEMS_A_BLOCK]] @ vector for start in blocks]
        joined = np.concatenate(cosines) if cosines else np.empty(0, dtype=np.float32)
        places = np.argpartition(-joined, k - 1)[:k] if k < len(joined) else np.arange(len(joined))
        places = places[np.argsort(-joined[places], kind="stable")]
        far = distances(joined[places].astype(np.float64))
        return zip(allowed.items[places].tolist(), far.tolist(), strict=True)

    def _named(self, found: Iterator[tuple[int, float]]) -> tuple[Neighbour, ...]:
        pairs = list(found)
        items = [item for item, _ in pairs]
        labels, rows = self.faces.labels(items), self._rows[items]
        told = zip(labels, rows, self._copies(items), self._estimated(items), pairs, strict=True)
        return tuple(
            FoundFace(*label, far, row, copies, raw, estimated_age_years=shown)
            for label, row, copies, (raw, shown), (_, far) in told
        )

    def _estimated(self, items: list[int]) -> list[tuple[float | None, float | None]]:
        if self._estimates is None:
            return [(None, None)] * len(items)
        return [_used_and_shown(own, left_out) for own, left_out in self._estimates[items].tolist()]


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


def _damaged(manifest: Manifest) -> IndexDamaged:
    return IndexDamaged("forest", label=manifest.label)
