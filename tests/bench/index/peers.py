"""The libraries that are measured, each behind the same three methods.

Every one is asked as its own documentation advises for such vectors, with its usual parameters; what trades
recall for time at the search is the `effort`. Graphs and lists are built on all cores, Annoy on one, because
only so the same rows give the same bytes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import annoy
import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.engines.annoy_forest import grow, load_forest
from simsvc.domain.gallery.manifest import METRIC
from simsvc.domain.gallery.search_effort import CANDIDATES, search_k_for
from tests.bench.index.vectors import Vectors

CORES = len(os.sched_getaffinity(0))


class Peer(Protocol):
    """One library."""

    efforts: tuple[int, ...]
    settings: str

    def build(self, rows: Vectors, path: Path) -> None:
        """Index float32 (N, D) of unit length and write it to a file."""
        ...

    def open(self, path: Path, dims: int) -> None:
        """Make the file ready to be searched by one thread."""
        ...

    def find(self, vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
        """Return the items of what it takes for the k nearest."""
        ...


class Annoy:
    """The service's own: trees by the rule of `domain.gallery.search_effort`."""

    efforts = CANDIDATES

    def build(self, rows: Vectors, path: Path) -> None:
        effort = grow(path, rows)
        self.settings = f"{effort.trees} trees, {effort.search_k} candidates chosen"
        path.with_suffix(".trees").write_text(f"{effort.trees} {effort.search_k}")

    def open(self, path: Path, dims: int) -> None:
        self.trees, self.chosen = map(int, path.with_suffix(".trees").read_text().split())
        self.settings = f"{self.trees} trees, {self.chosen} candidates chosen"
        self.forest: annoy.AnnoyIndex = load_forest(path, dims)

    def find(self, vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
        candidates = search_k_for(effort, self.trees, k)
        return np.asarray(self.forest.get_nns_by_vector(vector.tolist(), k, candidates))


class Exact:
    """numpy: one product with every row."""

    efforts, settings = (1,), "every row"

    def build(self, rows: Vectors, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, rows)

    def open(self, path: Path, dims: int) -> None:  # noqa: ARG002 - of the protocol
        self.rows = np.load(path, mmap_mode="r")

    def find(self, vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:  # noqa: ARG002 - likewise
        cosines = self.rows @ vector
        found = np.argpartition(-cosines, k - 1)[:k]
        return found[np.argsort(-cosines[found])]


class Hnswlib:
    """A navigable graph; M as in its README, ef_construction half of that: a million take half the time."""

    efforts, settings = (10, 20, 40, 80, 160, 320), "M 16, ef_construction 100"

    def build(self, rows: Vectors, path: Path) -> None:
        import hnswlib  # noqa: PLC0415 - may be missing, and is measured alone

        index = hnswlib.Index("ip", rows.shape[1])
        index.init_index(len(rows), M=16, ef_construction=100, random_seed=1)
        index.add_items(rows, num_threads=CORES)
        index.save_index(str(path))

    def open(self, path: Path, dims: int) -> None:
        import hnswlib  # noqa: PLC0415 - as above

        self.index = hnswlib.Index("ip", dims)
        self.index.load_index(str(path))
        self.index.set_num_threads(1)

    def find(self, vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
        self.index.set_ef(effort)
        return self.index.knn_query(vector, k=k, num_threads=1)[0][0]


class Faiss:
    """Inverted lists, IVF-Flat; 4 sqrt(N) lists as its guidelines say."""

    efforts, settings = (1, 2, 4, 8, 16, 32, 64), "IVF-Flat, 4 sqrt(N) lists"

    def build(self, rows: Vectors, path: Path) -> None:
        import faiss  # noqa: PLC0415 - as above

        faiss.omp_set_num_threads(CORES)
        lists = int(4 * np.sqrt(len(rows)))
        index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(rows.shape[1]), rows.shape[1], lists, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.max_points_per_centroid = 39  # the fewest it wants
        index.train(rows)
        index.add(rows)
        faiss.write_index(index, str(path))

    def open(self, path: Path, dims: int) -> None:  # noqa: ARG002 - of the protocol
        import faiss  # noqa: PLC0415 - as above

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(path))

    def find(self, vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
        self.index.nprobe = effort
        return self.index.search(vector[None, :], k)[1][0]


class Usearch:
    """A navigable graph in a file that can be mapped; its defaults."""

    efforts, settings = (10, 20, 40, 80, 160, 320), "connectivity 16, expansion_add 128"

    def build(self, rows: Vectors, path: Path) -> None:
        from usearch.index import Index  # noqa: PLC0415 - as above

        index = Index(ndim=rows.shape[1], metric="ip", dtype="f32", connectivity=16, expansion_add=128)
        index.add(np.arange(len(rows)), rows, threads=CORES)
        index.save(str(path))

    def open(self, path: Path, dims: int) -> None:
        from usearch.index import Index  # noqa: PLC0415 - as above

        self.index = Index(ndim=dims, metric="ip", dtype="f32")
        self.index.view(str(path))

    def find(self, vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
        self.index.expansion_search = effort
        return np.asarray(self.index.search(vector, k, threads=1).keys, dtype=np.int64)


PEERS: dict[str, type[Peer]] = {
    "annoy": Annoy,
    "exact": Exact,
    "hnswlib": Hnswlib,
    "faiss": Faiss,
    "usearch": Usearch,
}
assert METRIC == "angular", "unit vectors: the largest product is the nearest"
