"""Lance index: partitions on disk, of which a search reads a few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from simsvc.adapters.index.engines.built_index import FILTERS_KEPT, Allowed, BuiltIndex, Segment
from simsvc.adapters.index.engines.lance_table import Found, LanceTable, allowlist, exact_distances
from simsvc.domain.gallery.manifest import TABLE
from simsvc.values import FloatVector, Neighbour

EXACT_UP_TO = 10_000
"""Up to so many allowed faces are compared one by one, as builds of so few are."""
MOST_ASKED = 320
"""Up to so many unfiltered neighbours are looked through for allowed ones; then all partitions are read."""


class LanceIndex(BuiltIndex):
    """Index port over one verified build, searched by Lance; open it after the process forks."""

    def embeddings(self) -> FloatVector:
        """Return all embeddings, float32 (N, D), in item order, read into memory."""
        return self._table.rows()

    def search_allowed(self, embedding: FloatVector, k: int, allowed: Allowed) -> tuple[Neighbour, ...]:
        """Return the k nearest allowed faces of a unit vector (D,), nearest first; all where k is larger.

        The search is widened until k results are allowed. If that takes too many, the codes of every allowed
        face are compared, or every allowed face if they are few. So filters do not reduce recall.
        """
        k = min(k, allowed.count)
        if k == 0:
            return ()
        if self._partitions is None or allowed.count <= EXACT_UP_TO:
            return self._as_faces(self._table.search(embedding, k, None, self._allowlist(allowed)))
        asked = -(-k * self.count // allowed.count) + k
        while asked <= MOST_ASKED:
            found = self._table.search(embedding, asked, self._partitions)
            kept = allowed.mask[found.items]
            if np.count_nonzero(kept) >= k:
                return self._as_faces(Found(found.items[kept], found.far[kept], found.rows[kept]), k)
            asked *= 2
        every = replace(self._partitions, probes=self._partitions.count)
        return self._as_faces(self._table.search(embedding, k, every, self._allowlist(allowed)))

    def segment(self, rows: FloatVector) -> Segment:
        """Return a search that compares every row."""

        def search(embedding: FloatVector) -> Iterator[tuple[int, float]]:
            far = exact_distances(rows, embedding)
            order = np.argsort(far, kind="stable")
            return zip(order.tolist(), far[order].tolist(), strict=True)

        return search

    def _open(self, folder: Path) -> int:
        self._partitions = self.manifest.partitions
        self._table = LanceTable(folder / TABLE, self.manifest.dims)
        self._allowlist = lru_cache(FILTERS_KEPT)(lambda allowed: allowlist(allowed.items))
        return self._table.count

    def _nearest(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        return self._as_faces(self._table.search(embedding, k, self._partitions))

    def _as_faces(self, found: Found, k: int | None = None) -> tuple[Neighbour, ...]:
        return self._named(found.items[:k].tolist(), found.far[:k].tolist(), found.rows[:k])
