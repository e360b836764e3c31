"""Annoy's forest file: build, measure, read.

Annoy (https://github.com/spotify/annoy) keeps an angular index as one array of nodes, little-endian: a count
of descendants (int32), two more int32, D float32. The first N nodes are the items, their vectors as they were
put in. The file does not depend on the processor beyond its byte order; only the compiled library does
(`check_engine`).
"""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import annoy
import numpy as np

from simsvc.adapters.ops.disk import available_memory_bytes, least_free_bytes
from simsvc.domain.gallery.manifest import METRIC
from simsvc.domain.gallery.recall import Search, questions
from simsvc.domain.gallery.search_effort import Effort, least_effort, search_k_for
from simsvc.errors import IndexEngineUnfit
from simsvc.values import FloatVector

SEED = 20_170_112
"""Seed of the splits."""
HEADER = 3
"""Header of a node, in numbers of 4 bytes."""
NODES_A_TREE = 0.06
"""Nodes per item and tree, for 64 dimensions: of 10^6 items, 10 trees take 142 MB and the items 268 MB."""
NEAREST = 9
"""Candidates for copies per face: itself and eight. Chains of copies are joined."""
COPY_CANDIDATES = 1_000
"""Nodes inspected for copies per face: few, because near-identical vectors share leaves."""
PROBE = """
import annoy
forest = annoy.AnnoyIndex(64, "angular")
for item in range(200):
    forest.add_item(item, [((item + 1) * (place + 3)) % 17 - 8.0 for place in range(64)])
forest.build(2, 1)
assert forest.get_nns_by_item(7, 3)[0] in range(200)
"""


def write_forest(path: Path, embeddings: FloatVector, trees: int) -> None:
    """Build a forest over float32 (N, D), with equal bytes for equal rows.

    It uses one thread, because several would make the bytes random to save half of the 14 s for 10 trees over
    a million faces. With little memory the forest is built on disk: slower, same bytes.

    Raises OSError with ENOSPC if the disk is too full.
    """
    count, dims = embeddings.shape
    size = forest_bytes(count, dims, trees)
    if size > least_free_bytes([path.parent]):  # a mapped file on a full disk causes SIGBUS
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    on_disk = 2 * size > available_memory_bytes()
    forest = annoy.AnnoyIndex(dims, METRIC)
    if on_disk:
        forest.on_disk_build(str(path))
    for item, row in enumerate(embeddings):
        forest.add_item(item, row.tolist())
    forest.set_seed(SEED)
    forest.build(trees, 1)
    if not on_disk:
        forest.save(str(path))
    forest.unload()


def forest_bytes(count: int, dims: int, trees: int) -> int:
    """Estimate the size of a forest's file, and the memory to build it."""
    return int(count * (1 + NODES_A_TREE * trees * 64 / dims)) * 4 * (HEADER + dims)


def grow(path: Path, embeddings: FloatVector) -> Effort:
    """Write the forest with the least effort that reaches the target (`domain.gallery.search_effort`)."""

    def grown(trees: int) -> Callable[[int], Search]:
        path.unlink(missing_ok=True)
        write_forest(path, embeddings, trees)
        forest = load_forest(path, embeddings.shape[1])
        return lambda search_k: cosines_of(forest, trees, search_k)

    return least_effort(questions(embeddings), grown)


def load_forest(path: Path, dims: int) -> annoy.AnnoyIndex:
    """Map a forest's file.

    Raises OSError if it cannot be read (ENOMEM if the process may not map it), ValueError if it is empty.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        pass  # tried first, because Annoy 1.17 crashes if it may not map
    forest = annoy.AnnoyIndex(dims, METRIC)
    forest.load(str(path))
    return forest


def cosines_of(forest: annoy.AnnoyIndex, trees: int, search_k: int) -> Search:
    """Return the search of a forest for `domain.gallery.recall`."""

    def search(vector: FloatVector, k: int) -> list[float]:
        candidates = search_k_for(search_k, trees, k)
        _, distances = forest.get_nns_by_vector(vector.tolist(), k, candidates, True)
        return [1.0 - distance**2 / 2.0 for distance in distances]

    return search


def near_items(forest: annoy.AnnoyIndex) -> Iterator[tuple[int, Sequence[int], Sequence[float]]]:
    """Return every item with its nearest ones and their distances, of which some may be copies."""
    for item in range(forest.get_n_items()):
        others, distances = forest.get_nns_by_item(item, NEAREST, COPY_CANDIDATES, True)
        yield item, others, distances


def rows_of(path: Path, forest: annoy.AnnoyIndex, count: int, dims: int) -> FloatVector:
    """Return a forest's vectors, float32 (N, D), mapped, or copied if the file layout differs."""
    if path.stat().st_size >= count * 4 * (HEADER + dims):
        nodes = np.memmap(path, dtype="<f4", mode="r")[: count * (HEADER + dims)]
        rows: FloatVector = nodes.reshape(count, HEADER + dims)[:, HEADER:]
        ends = [forest.get_item_vector(item) for item in (0, count - 1)]
        if np.array_equal(rows[[0, -1]], np.asarray(ends, dtype=np.float32)):
            return rows
    return np.asarray([forest.get_item_vector(item) for item in range(count)], dtype=np.float32)


def check_engine() -> None:
    """Try Annoy in another process, because code for a different processor dies of SIGILL.

    Raises IndexEngineUnfit if the process failed.
    """
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=False)  # noqa: S603 - fixed command
    if ended.returncode:
        raise IndexEngineUnfit()
