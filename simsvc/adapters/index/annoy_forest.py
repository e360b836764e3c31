"""Annoy's forest file: grown, measured and read.

Annoy (https://github.com/spotify/annoy) keeps an angular index as one array of nodes, little-endian: a count
of descendants (int32), two more int32, D float32. The first N nodes are the items, their vectors as they were
put in. There is nothing of a processor in it: a file made on one machine is read on another of the same byte
order, whatever instructions either has; only the compiled library is bound to its processor (`check_engine`).
"""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Callable
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
"""Of the splits; any fixed number would do."""
HEADER = 3
"""Numbers of 4 bytes before a node's vector."""
NODES_A_TREE = 0.06
"""Nodes of a tree over items, at 64 numbers a vector: of 10^6, 10 trees take 142 MB and the items 268 MB."""
PROBE = """
import annoy
forest = annoy.AnnoyIndex(64, "angular")
for item in range(200):
    forest.add_item(item, [((item + 1) * (place + 3)) % 17 - 8.0 for place in range(64)])
forest.build(2, 1)
assert forest.get_nns_by_item(7, 3)[0] in range(200)
"""


def write_forest(path: Path, embeddings: FloatVector, trees: int) -> None:
    """Grow a forest over float32 (N, D) by one thread and a fixed seed: same rows, same bytes.

    Several threads would share one array of nodes and no order, and the same rows give other bytes each time:
    too dear for half of the 14 s that 10 trees over a million faces take. Where memory is scarce the forest
    is grown on the disk: slower, same bytes.

    Raises:
        OSError: with ENOSPC where the disk has no room for it.
    """
    count, dims = embeddings.shape
    size = forest_bytes(count, dims, trees)
    if size > least_free_bytes([path.parent]):  # a mapped file on a full disk ends the process by SIGBUS
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
    """Estimate the size of a forest's file, and of the memory that growing it takes."""
    return int(count * (1 + NODES_A_TREE * trees * 64 / dims)) * 4 * (HEADER + dims)


def grow(path: Path, embeddings: FloatVector) -> Effort:
    """Write the forest that finds enough with the least effort (`domain.gallery.search_effort`)."""

    def grown(trees: int) -> Callable[[int], Search]:
        path.unlink(missing_ok=True)
        write_forest(path, embeddings, trees)
        forest = load_forest(path, embeddings.shape[1])
        return lambda search_k: cosines_of(forest, trees, search_k)

    return least_effort(questions(embeddings), grown)


def load_forest(path: Path, dims: int) -> annoy.AnnoyIndex:
    """Map a forest's file.

    Raises:
        OSError: it cannot be read; with ENOMEM where the process may not map so much.
        ValueError: it is empty.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        pass  # Annoy 1.17 ends the process by SIGSEGV where it may not map: tried first
    forest = annoy.AnnoyIndex(dims, METRIC)
    forest.load(str(path))
    return forest


def cosines_of(forest: annoy.AnnoyIndex, trees: int, search_k: int) -> Search:
    """Return the search of a forest as `domain.gallery.recall` measures it."""

    def search(vector: FloatVector, k: int) -> list[float]:
        candidates = search_k_for(search_k, trees, k)
        _, distances = forest.get_nns_by_vector(vector.tolist(), k, candidates, True)
        return [1.0 - distance**2 / 2.0 for distance in distances]

    return search


def rows_of(path: Path, forest: annoy.AnnoyIndex, count: int, dims: int) -> FloatVector:
    """Return a forest's vectors, float32 (N, D), mapped; copied where the layout of the file is another."""
    if path.stat().st_size >= count * 4 * (HEADER + dims):
        nodes = np.memmap(path, dtype="<f4", mode="r")[: count * (HEADER + dims)]
        rows: FloatVector = nodes.reshape(count, HEADER + dims)[:, HEADER:]
        ends = [forest.get_item_vector(item) for item in (0, count - 1)]
        if np.array_equal(rows[[0, -1]], np.asarray(ends, dtype=np.float32)):
            return rows
    return np.asarray([forest.get_item_vector(item) for item in range(count)], dtype=np.float32)


def check_engine() -> None:
    """Let another process use Annoy: compiled for another processor, it dies of SIGILL, which nobody catches.

    Raises:
        IndexEngineUnfit: it ended so, or otherwise.
    """
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=False)  # noqa: S603 - our own text
    if ended.returncode:
        raise IndexEngineUnfit()
