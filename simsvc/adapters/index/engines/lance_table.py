"""A Lance table of vectors: write, index, search.

Lance (https://lance.org) keeps a table as files of columns. A search reads the partitions and rows that it
needs, so that memory does not grow with the table. The centres and codes are trained here
(`domain.gallery.partitioning`), because Lance starts its own k-means at random. So equal rows give equal
answers, though not equal bytes, as Lance names its files at random.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.manifest import Partitions
from simsvc.domain.gallery.nearest import distances, unit
from simsvc.domain.gallery.partition_effort import (
    FLAT_BELOW,
    Measure,
    Searched,
    least_work,
    partitions_for,
    probes_for,
)
from simsvc.domain.gallery.partitioning import Quantizer, k_means, train
from simsvc.domain.gallery.recall import Questions, questions
from simsvc.errors import IndexEngineMissing
from simsvc.values import FloatVector, Recall

COLUMN = "vector"
FRAGMENT_BITS = 20
"""A file has 2^20 rows, Lance's default. A row's address is the number of its file and its place there."""
ROWS_A_FILE = 1 << FRAGMENT_BITS
ROWS_A_BATCH = 65_536
CACHE_BYTES = 1 << 30
"""Most memory of a worker for the index: 40 million vectors of 16 bytes, with their addresses."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Rows that a search found, nearest first: items (K,), angular distances (K,), vectors float32 (K, D)."""

    items: NDArray[np.int64]
    far: NDArray[np.float64]
    rows: FloatVector


def check_lance() -> None:
    """Raise IndexEngineMissing if Lance is not installed."""
    if find_spec("lance") is None:
        raise IndexEngineMissing()


def lance() -> Any:
    """Return the library, which takes 0.4 s to import; raises IndexEngineMissing."""
    check_lance()
    os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")
    import lance as library  # noqa: PLC0415 - of the extra `cluster`

    return library


def write_table(path: Path, embeddings: FloatVector) -> None:
    """Write rows, float32 (N, D), as a table; raises OSError."""
    library = lance()
    import pyarrow as pa  # noqa: PLC0415 - comes with Lance

    dims = embeddings.shape[1]
    kind = pa.list_(pa.float32(), dims)
    schema = pa.schema([pa.field(COLUMN, kind, nullable=False)])

    def batches() -> Any:
        for start in range(0, len(embeddings), ROWS_A_BATCH):
            numbers = np.ascontiguousarray(embeddings[start : start + ROWS_A_BATCH], dtype=np.float32)
            column = pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), dims)
            yield pa.record_batch([column], schema=schema)

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    library.write_dataset(reader, str(path), max_rows_per_file=ROWS_A_FILE)


def write_index(path: Path, quantizer: Quantizer) -> None:
    """Index a table, in place of an index that it has."""
    lance().dataset(str(path)).create_index(
        COLUMN,
        "IVF_PQ",
        metric="l2",
        replace=True,
        num_partitions=len(quantizer.centres),
        num_sub_vectors=len(quantizer.codebook),
        ivf_centroids=quantizer.centres,
        pq_codebook=quantizer.codebook,
    )


def grow_table(path: Path, embeddings: FloatVector) -> tuple[Searched, FloatVector]:
    """Write a table and its index with the least work that finds enough; return that work and the centres."""
    write_table(path, embeddings)
    asked, (count, dims) = questions(embeddings), embeddings.shape
    if count < FLAT_BELOW:
        return Searched(None, LanceTable(path, dims).recall(asked, None)), embeddings[:1]
    centres = k_means(embeddings, partitions_for(count))

    def coded(sub_vectors: int) -> Measure:
        write_index(path, train(embeddings, centres, sub_vectors))
        return partial(LanceTable(path, dims).recall, asked)

    return least_work(len(centres), dims, coded), centres


class LanceTable:
    """An opened table."""

    def __init__(self, path: Path, dims: int) -> None:
        """Open a table; raises OSError or ValueError if it cannot be read, or does not hold such vectors."""
        self._table = lance().dataset(str(path), index_cache_size_bytes=CACHE_BYTES)
        self._dims = dims
        self.count: int = self._table.count_rows()
        self._check()

    def rows(self) -> FloatVector:
        """Return all vectors, float32 (N, D), in item order, in memory."""
        column = self._table.to_table(columns=[COLUMN], scan_in_order=True)[COLUMN]
        return self._vectors(column)

    def search(
        self, vector: FloatVector, k: int, partitions: Partitions | None, allowed: bytes | None = None
    ) -> Found:
        """Return the k nearest rows of a unit vector (D,), among those allowed; None compares all of them."""
        scanner = self._table.scanner(
            columns=[COLUMN, "_distance"],
            nearest=_nearest(vector.astype(np.float32), min(k, self.count), partitions),
            with_row_id=True,
            prefilter=True,
            row_addr_allowlist=allowed,
        )
        table = scanner.to_table()
        items, rows = items_of(table["_rowid"].to_numpy()), self._vectors(table[COLUMN])
        far = exact_distances(rows, vector)
        order = np.lexsort((items, far))
        return Found(items[order], far[order], rows[order])

    def recall(self, asked: tuple[Questions, Questions], partitions: Partitions | None) -> Recall:
        """Return the recall of a search for both kinds of queries."""
        of_rows, of_others = (self._share(one, partitions) for one in asked)
        return Recall(asked[0].k, len(asked[0].vectors), of_rows, of_others)

    def _share(self, asked: Questions, partitions: Partitions | None) -> float:
        """Search all queries at once, which takes half the time of one by one."""
        vectors = unit(asked.vectors).astype(np.float32)
        table = self._table.scanner(
            columns=[COLUMN, "_distance"], nearest=_nearest(vectors, asked.k, partitions)
        ).to_table()
        numbers = table["query_index"].to_numpy()
        cosines = np.einsum(
            "nd,nd->n", self._vectors(table[COLUMN]).astype(np.float64), asked.vectors[numbers]
        )
        return asked.share_of(numbers, cosines)

    def _vectors(self, column: Any) -> FloatVector:
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        joined: FloatVector = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
        return joined.reshape(-1, self._dims)

    def _check(self) -> None:
        counts = [fragment.count_rows() for fragment in self._table.get_fragments()]
        full = all(count == ROWS_A_FILE for count in counts[:-1])
        if not full or self._table.schema.field(COLUMN).type.list_size != self._dims:
            raise ValueError("not a table of such vectors")


def _nearest(vectors: FloatVector, k: int, partitions: Partitions | None) -> dict[str, Any]:
    asked: dict[str, Any] = {"column": COLUMN, "q": vectors, "k": k, "metric": "l2"}
    if partitions is None:
        return asked | {"use_index": False}
    return asked | {"nprobes": probes_for(partitions, k), "refine_factor": partitions.refine}


def exact_distances(rows: FloatVector, vector: FloatVector) -> NDArray[np.float64]:
    """Return the angular distance of each row (N, D) to a unit vector (D,), whatever the others are."""
    return distances((rows.astype(np.float64) * vector.astype(np.float64)).sum(axis=1))


def items_of(addresses: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the items at row addresses."""
    wide = addresses.astype(np.int64)
    found: NDArray[np.int64] = (wide >> 32 << FRAGMENT_BITS) + (wide & 0xFFFFFFFF)
    return found


def allowlist(items: Sequence[int] | NDArray[np.intp]) -> bytes:
    """Return items as Lance takes them: 3 bytes each, or fewer."""
    lance()
    wide = np.asarray(items, dtype=np.int64)
    addresses = (wide >> FRAGMENT_BITS << 32) | (wide & (ROWS_A_FILE - 1))
    encoded: bytes = sys.modules["lance.dataset"].serialize_row_addrs(addresses.tolist())
    return encoded


def rows_sha256(embeddings: FloatVector) -> str:
    """Return the SHA-256 of rows as little-endian float32, in order."""
    return hashlib.sha256(np.ascontiguousarray(embeddings, dtype="<f4").data).hexdigest()
