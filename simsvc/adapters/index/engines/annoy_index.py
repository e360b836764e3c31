"""Annoy index: a memory-mapped forest shared by processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import annoy
import numpy as np

from simsvc.adapters.index.engines.annoy_forest import load_forest, rows_of
from simsvc.adapters.index.engines.built_index import Allowed, BuiltIndex, Segment
from simsvc.domain.gallery.manifest import METRIC
from simsvc.domain.gallery.nearest import distances
from simsvc.domain.gallery.search_effort import search_k_for
from simsvc.values import FloatVector, Neighbour

FILE = "faces.annoy"
EVERY_LEAF = 1_000
"""Up to this many candidates, Annoy inspects every leaf."""
ITEMS_A_BLOCK = 65_536
"""Rows per chunk of the exact search: 17 MB for 64 dimensions."""


class AnnoyIndex(BuiltIndex):
    """Index port over one verified build, searched by a forest."""

    def embeddings(self) -> FloatVector:
        """Return all embeddings, float32 (N, D), in item order, mapped read-only."""
        return self._rows

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
                return self._as_faces(found[:k])
            asked = min(2 * asked, deepest)
        return self._as_faces(self._read(embedding, k, allowed))

    def segment(self, rows: FloatVector) -> Segment:
        """Return a search of one tree, which compares every row as a forest does."""
        forest = annoy.AnnoyIndex(self.manifest.dims, METRIC)
        for item, row in enumerate(rows):
            forest.add_item(item, row.tolist())
        forest.build(1, 1)
        every = len(rows) + 1

        def search(embedding: FloatVector) -> Iterator[tuple[int, float]]:
            return zip(*forest.get_nns_by_vector(embedding.tolist(), every, every, True), strict=True)

        return search

    def _open(self, folder: Path) -> int:
        self._forest = load_forest(folder / FILE, self.manifest.dims)
        held: int = self._forest.get_n_items()
        if held == self.manifest.count:
            self._rows = rows_of(folder / FILE, self._forest, held, self.manifest.dims)
        return held

    def _nearest(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        return self._as_faces(self._inspected(embedding, k))

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

    def _as_faces(self, found: Iterable[tuple[int, float]]) -> tuple[Neighbour, ...]:
        pairs = list(found)
        items = [item for item, _ in pairs]
        return self._named(items, [far for _, far in pairs], self._rows[items])
