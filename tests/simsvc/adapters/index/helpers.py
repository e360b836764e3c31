"""Vectors that lie in clusters, and indexes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.engines import lance_index, lance_table
from simsvc.domain.gallery import partition_effort
from simsvc.domain.gallery.manifest import BuildFacts, IndexEngine, ModelSummary
from simsvc.domain.gallery.partitioning import CODES
from simsvc.values import LabelledFace

Vectors = NDArray[np.float32]
ENGINES = ("annoy", "lance", "lance in partitions")
MODEL = "ab" * 32


def clustered(count: int, dims: int, seed: int) -> Vectors:
    """Return unit vectors in 40 clusters, as embeddings of faces of like age and look lie."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(1).standard_normal((40, dims))
    rows = centres[random.integers(40, size=count)] + 0.7 * random.standard_normal((count, dims))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


COUNT, DIMS = 6_000, 16  # more than a search inspects: approximation shows
VECTORS = clustered(COUNT, DIMS, seed=2)
AGES = 60.0 + 59.0 * VECTORS[:, 0]  # age and look go together: a far age lies far away
FACES = [
    LabelledFace(f"f{at:05}", float(AGES[at]), "common" if at % 10 < 9 else "rare", f"{at}.png")
    for at in range(COUNT)
]


def faces_of(count: int) -> list[LabelledFace]:
    return [LabelledFace(f"f{item:05}", float(item % 90), "demo", f"{item}.png") for item in range(count)]


@contextmanager
def searched_by(engine: str) -> Iterator[IndexEngine]:
    """Give the engine of a test; "lance in partitions" makes small galleries as large ones are made."""
    with pytest.MonkeyPatch.context() as patch:
        if engine == "lance in partitions":
            patch.setattr(lance_table, "FLAT_BELOW", CODES)
            patch.setattr(partition_effort, "PARTITION_ROWS", 150)
            patch.setattr(lance_index, "EXACT_UP_TO", 200)
        yield "annoy" if engine == "annoy" else "lance"


def shelve(
    root: Path,
    vectors: Vectors,
    engine: IndexEngine = "annoy",
    faces: Sequence[LabelledFace] | None = None,
) -> Path:
    """Build an index of vectors and their faces, and return its folder."""
    shelf = IndexStore(root, engine=engine)
    facts = BuildFacts(ModelSummary("tiny-0", MODEL, "onnx", 1.1), (), ())
    with shelf.draft("demo") as draft:
        for face, row in zip(faces or faces_of(len(vectors)), vectors, strict=True):
            draft.add(face, row, face.face_id.encode())
        return root / draft.finish(facts).label
