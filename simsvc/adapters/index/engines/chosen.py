"""Build and open an index by the engine that is chosen for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simsvc.adapters.index.engines import annoy_forest, annoy_index, lance_table
from simsvc.adapters.index.engines.built_index import BuiltIndex
from simsvc.adapters.index.engines.copies import Near
from simsvc.adapters.index.engines.lance_index import LanceIndex
from simsvc.adapters.index.files import manifest as manifests
from simsvc.domain.gallery import partitioning
from simsvc.domain.gallery.importing.same_photo import FARTHEST_COPIES
from simsvc.domain.gallery.manifest import TABLE, IndexEngine
from simsvc.values import FloatVector, Recall

LIBRARIES: dict[IndexEngine, str] = {"annoy": "annoy", "lance": "pylance"}
"""Distributions whose versions affect a build's answers."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an engine wrote: its parameters, as the manifest names them, and pairs that may be copies."""

    measured: Recall
    near: Callable[[], Iterable[Near]]
    trees: int = 0
    search_k: int = 0
    more: dict[str, Any] = field(default_factory=dict)


def write(engine: IndexEngine, folder: Path, embeddings: FloatVector) -> Written:
    """Write an engine's files for rows, float32 (N, D); raises OSError, IndexEngineMissing."""
    return (_write_lance if engine == "lance" else _write_annoy)(folder, embeddings)


def open_index(folder: Path, model_sha256: str) -> BuiltIndex:
    """Open a build for one model by the engine in its manifest; raises what `BuiltIndex` does."""
    engine = manifests.read(folder).index_engine
    return (LanceIndex if engine == "lance" else annoy_index.AnnoyIndex)(folder, model_sha256)


def check_engine(engine: IndexEngine) -> None:
    """Raise IndexEngineUnfit or IndexEngineMissing if builds cannot be made here; Annoy is always needed."""
    annoy_forest.check_engine()
    if engine == "lance":
        lance_table.check_lance()


def _write_annoy(folder: Path, embeddings: FloatVector) -> Written:
    path, dims = folder / annoy_index.FILE, embeddings.shape[1]
    effort = annoy_forest.grow(path, embeddings)

    def near() -> Iterable[Near]:
        return annoy_forest.near_items(annoy_forest.load_forest(path, dims))

    return Written(effort.measured, near, effort.trees, effort.search_k)


def _write_lance(folder: Path, embeddings: FloatVector) -> Written:
    searched, centres = lance_table.grow_table(folder / TABLE, embeddings)

    def near() -> Iterable[Near]:
        return partitioning.near_items(embeddings, centres, FARTHEST_COPIES)

    facts = {"partitions": searched.partitions, "embeddings_sha256": lance_table.rows_sha256(embeddings)}
    return Written(searched.measured, near, more={"index_engine": "lance", **facts})
