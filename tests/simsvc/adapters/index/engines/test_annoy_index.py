"""What is Annoy's own: its forest, its effort, its bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.engines import annoy_forest, annoy_index
from simsvc.adapters.index.engines.annoy_index import AnnoyIndex
from simsvc.domain.gallery.recall import questions, recall
from simsvc.domain.gallery.search_effort import CANDIDATES, MARGIN, TARGET, TREES
from tests.simsvc.adapters.index.helpers import MODEL, Vectors, clustered, faces_of, shelve
from tests.simsvc.exact_index import ExactIndex

COUNT, DIMS = 6_000, 16


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(COUNT, DIMS, seed=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, vectors: Vectors) -> Path:
    return shelve(tmp_path_factory.mktemp("indexes"), vectors)


def test_the_same_vectors_give_the_same_bytes(tmp_path: Path) -> None:
    """Two builds of the same vectors have the same id, which covers every byte of every file."""
    rows = clustered(300, DIMS, seed=4)
    first, second = shelve(tmp_path / "one", rows), shelve(tmp_path / "two", rows)
    assert first.name == second.name
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }
    assert shelve(tmp_path / "one", rows[:-1]).name != first.name


def test_trees_and_candidates_are_the_least_that_find_enough(folder: Path, vectors: Vectors) -> None:
    """The rule's choice reaches 0.98 with its margin; the step before does not."""
    manifest = AnnoyIndex(folder, MODEL).manifest
    assert manifest.recall is not None
    assert manifest.recall >= TARGET + MARGIN
    forest = annoy_forest.load_forest(folder / annoy_index.FILE, DIMS)
    fewer = CANDIDATES[CANDIDATES.index(manifest.search_k) - 1]
    found = recall(questions(vectors), annoy_forest.cosines_of(forest, manifest.trees, fewer))
    assert manifest.trees == TREES[0]
    assert manifest.search_k > CANDIDATES[0]
    assert found.share < TARGET + MARGIN


def test_a_forest_of_other_rows_has_a_recall_that_says_so(tmp_path: Path) -> None:
    """A forest of rows that all lie elsewhere finds hardly any."""
    rows = clustered(2_000, 8, seed=5)
    annoy_forest.write_forest(tmp_path / "f.annoy", 0.01 * rows + np.eye(8, dtype=np.float32)[0], 10)
    forest = annoy_forest.load_forest(tmp_path / "f.annoy", 8)
    assert recall(questions(rows), annoy_forest.cosines_of(forest, 10, 500)).share < 0.5


def test_a_forest_grown_on_the_disk_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is scarce the forest grows on the disk, byte for byte the one of memory."""
    rows = clustered(500, DIMS, seed=5)
    annoy_forest.write_forest(tmp_path / "memory.annoy", rows, 10)
    monkeypatch.setattr(annoy_forest, "available_memory_bytes", lambda: 0)
    annoy_forest.write_forest(tmp_path / "disk.annoy", rows, 10)
    assert (tmp_path / "disk.annoy").read_bytes() == (tmp_path / "memory.annoy").read_bytes()


def test_an_earlier_build_searches_as_it_did(folder: Path, vectors: Vectors) -> None:
    """A manifest without the measured shares keeps its fixed candidates, whatever k is asked for."""
    index = AnnoyIndex(folder, MODEL)
    index.manifest = replace(index.manifest, measured=None, search_k=COUNT, trees=10)
    exact = ExactIndex(faces_of(COUNT), vectors)
    found, truth = index.search(vectors[3], 24), exact.search(vectors[3], 24)
    assert [near.face_id for near in found] == [near.face_id for near in truth]
