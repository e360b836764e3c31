"""Vectors that lie in clusters, and indexes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.build_store import IndexStore
from simsvc.domain.gallery.manifest import BuildFacts, ModelSummary
from simsvc.values import LabelledFace

Vectors = NDArray[np.float32]
MODEL = "ab" * 32


def clustered(count: int, dims: int, seed: int) -> Vectors:
    """Return unit vectors in 40 clusters, as embeddings of faces of like age and look lie."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(1).standard_normal((40, dims))
    rows = centres[random.integers(40, size=count)] + 0.7 * random.standard_normal((count, dims))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def faces_of(count: int) -> list[LabelledFace]:
    return [LabelledFace(f"f{item:05}", float(item % 90), "demo", f"{item}.png") for item in range(count)]


def shelve(root: Path, vectors: Vectors) -> Path:
    shelf = IndexStore(root)
    facts = BuildFacts(ModelSummary("tiny-0", MODEL, "onnx", 1.1), (), ())
    with shelf.draft("demo") as draft:
        for face, row in zip(faces_of(len(vectors)), vectors, strict=True):
            draft.add(face, row, face.face_id.encode())
        return root / draft.finish(facts).label
