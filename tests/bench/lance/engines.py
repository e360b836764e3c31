"""What is measured, each behind the same methods: built from mapped rows into a folder, then searched."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.engines.annoy_forest import grow, load_forest
from simsvc.adapters.index.engines.lance_table import LanceTable, grow_table
from simsvc.domain.gallery.manifest import Partitions
from simsvc.domain.gallery.search_effort import CANDIDATES, search_k_for
from tests.bench.index.vectors import Vectors
from tests.bench.lance.pgvector import Pgvector

Find = Callable[[Vectors, int, int], NDArray[np.integer[Any]]]
"""Takes a unit vector, k and an effort; returns the items found."""


class Engine(Protocol):
    """One engine; `efforts` is what trades recall for time at the search."""

    efforts: tuple[int, ...]

    def build(self, rows: Vectors, folder: Path) -> dict[str, Any]:
        """Index float32 (N, D) of unit length in a folder, and return its parameters."""
        ...

    def open(self, folder: Path, dims: int) -> Find:
        """Return a search of what was built."""
        ...


class Exact:
    """numpy: one product with every row; the rows are its only file."""

    efforts: tuple[int, ...] = (1,)

    def build(self, rows: Vectors, folder: Path) -> dict[str, Any]:
        with (folder / "rows.npy").open("wb") as file:
            np.save(file, rows)
        return {"settings": "every row"}

    def open(self, folder: Path, dims: int) -> Find:
        rows = np.load(folder / "rows.npy", mmap_mode="r")
        assert rows.shape[1] == dims

        def find(vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
            del effort
            cosines = rows @ vector
            found: NDArray[np.integer[Any]] = np.argpartition(-cosines, k - 1)[:k]
            return found

        return find


class Annoy:
    """The service's own forest, by the rule of `domain.gallery.search_effort`."""

    efforts: tuple[int, ...] = CANDIDATES

    def build(self, rows: Vectors, folder: Path) -> dict[str, Any]:
        effort = grow(folder / "f.annoy", rows)
        found = {"trees": effort.trees, "chosen": effort.search_k}
        (folder / "chosen.json").write_text(json.dumps(found))
        return {**found, "settings": f"{effort.trees} trees, {effort.search_k} candidates"}

    def open(self, folder: Path, dims: int) -> Find:
        trees = json.loads((folder / "chosen.json").read_text())["trees"]
        forest = load_forest(folder / "f.annoy", dims)

        def find(vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
            return np.asarray(forest.get_nns_by_vector(vector.tolist(), k, search_k_for(effort, trees, k)))

        return find


class Lance:
    """The service's own table, by the rule of `domain.gallery.partition_effort`; `refine` is its factor."""

    efforts: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)

    def __init__(self, refine: int | None = None) -> None:
        self._refine = refine

    def build(self, rows: Vectors, folder: Path) -> dict[str, Any]:
        searched, centres = grow_table(folder / "f.lance", rows)
        np.save(folder / "centres.npy", centres)
        parts = searched.partitions
        found = None if parts is None else [parts.count, parts.sub_vectors, parts.probes, parts.refine]
        (folder / "chosen.json").write_text(json.dumps(found))
        if parts is None:
            return {"settings": "every row"}
        said = f"{parts.count} partitions, {parts.sub_vectors} bytes, refine {parts.refine}"
        return {"chosen": parts.probes, "settings": f"{said}, {parts.probes} probes"}

    def open(self, folder: Path, dims: int) -> Find:
        table = LanceTable(folder / "f.lance", dims)
        chosen = json.loads((folder / "chosen.json").read_text())
        most = 1 if chosen is None else chosen[0]
        self.efforts = (*(effort for effort in self.efforts if effort < most), most)[: len(self.efforts)]

        def find(vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
            if chosen is None:
                return table.search(vector, k, None).items
            count, sub_vectors, _, refine = chosen
            asked = Partitions(count, sub_vectors, min(effort, count), self._refine or refine)
            return table.search(vector, k, asked).items

        return find


ENGINES: dict[str, Callable[[], Engine]] = {
    "exact": Exact,
    "annoy": Annoy,
    "lance": Lance,
    "pgvector": Pgvector,
}
NOT_REFINED = partial(Lance, 1)
"""Lance without comparing candidates exactly: what the codes alone are worth."""
