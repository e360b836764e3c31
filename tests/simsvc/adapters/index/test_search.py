"""Every engine held against brute force, through the same port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.engines.chosen import open_index
from simsvc.domain.gallery.search_effort import MARGIN, TARGET
from simsvc.errors import FaceNotFound, IndexDamaged, IndexModelMismatch
from tests.simsvc.adapters.index.helpers import (
    COUNT,
    DIMS,
    ENGINES,
    FACES,
    MODEL,
    VECTORS,
    Vectors,
    clustered,
    faces_of,
    searched_by,
    shelve,
)
from tests.simsvc.exact_index import ExactIndex


@pytest.fixture
def queries() -> Iterator[Vectors]:
    return iter(clustered(100, DIMS, seed=3))


def test_finds_what_brute_force_finds(large_build: Path, queries: Iterator[Vectors]) -> None:
    """At least 98 of 100 of the ten truly nearest faces are found, with their true distances and ages."""
    index, exact = open_index(large_build, MODEL), ExactIndex(FACES, VECTORS)
    hits = 0
    for query in queries:
        truth = {found.face_id: found for found in exact.search(query, 10)}
        for found in index.search(query, 10):
            if found.face_id in truth:
                hits += 1
                assert found.distance == pytest.approx(truth[found.face_id].distance, abs=1e-5)
                assert found.age_years == truth[found.face_id].age_years
    assert hits >= 980


def test_nearest_first_and_never_more_than_there_are(large_build: Path, queries: Iterator[Vectors]) -> None:
    """Distances ascend; asked for more faces than there are, an index gives all of them."""
    index = open_index(large_build, MODEL)
    found = index.search(next(queries), COUNT + 5)
    assert len(found) == index.count == COUNT
    assert [f.distance for f in found] == sorted(f.distance for f in found)


def test_a_face_of_the_index_is_nearest_to_itself(large_build: Path) -> None:
    """Both indexes give a known vector's own face, at distance 0 and similarity 1."""
    for index in (open_index(large_build, MODEL), ExactIndex(FACES, VECTORS)):
        (found,) = index.search(VECTORS[7], 1)
        assert found.face_id == "f00007"
        assert found.distance == pytest.approx(0, abs=1e-3)
        assert found.similarity == pytest.approx(1)


def test_gives_back_the_embeddings_and_faces(large_build: Path) -> None:
    """What was put in comes out: vectors to the bit, faces and thumbnails in item order."""
    index = open_index(large_build, MODEL)
    assert np.array_equal(index.embeddings(), VECTORS)
    assert list(index.faces) == FACES
    assert index.thumbnail("f00012") == b"f00012"
    with pytest.raises(FaceNotFound):
        index.thumbnail("f99999")


def test_refuses_another_model(large_build: Path) -> None:
    """Distances between embeddings of two models mean nothing, so the index is refused with the remedy."""
    with pytest.raises(IndexModelMismatch, match="flask index build"):
        open_index(large_build, "00" * 32)


COMMON = ["faces.json", "faces.npy", "references.bin", "thumbnails.bin", "thumbnails.idx", "manifest.json"]
OF_ENGINES = {
    "annoy": "faces.annoy",
    "lance": "faces.lance/data/*",
    "lance in partitions": "faces.lance/_indices/*/*",
}


@pytest.mark.parametrize(
    ("name", "engine"), [*((name, "annoy") for name in COMMON), *((OF_ENGINES[e], e) for e in ENGINES)]
)
def test_refuses_a_build_with_one_flipped_bit(tmp_path: Path, name: str, engine: str) -> None:
    """Whatever file is harmed, the build is not opened."""
    with searched_by(engine) as chosen:
        folder = shelve(tmp_path, clustered(300, 8, seed=5), chosen)
    path = next(folder.glob(name))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexDamaged, match="flask index build"):
        open_index(folder, MODEL)


def test_refuses_a_build_under_another_name(tmp_path: Path) -> None:
    """A folder that was renamed or copied elsewhere is not what records mean by its label."""
    folder = shelve(tmp_path, clustered(20, 8, seed=5))
    folder.rename(folder.with_name("b-000000000000"))
    with pytest.raises(IndexDamaged, match="contains index build demo/b-"):
        open_index(folder.with_name("b-000000000000"), MODEL)


def test_exact_search_by_hand() -> None:
    """Three unit vectors at 0, 60 and 90 degrees lie sqrt(2 - 2 cos) apart: 0, 1 and the root of 2."""
    rows = np.array([[0, 1], [1, 0], [0.5, 3**0.5 / 2]], dtype=np.float32)
    found = ExactIndex(faces_of(3), rows, [b"0", b"1", b"2"]).search(np.array([1, 0], dtype=np.float32), 3)
    assert [f.face_id for f in found] == ["f00001", "f00002", "f00000"]
    np.testing.assert_allclose([f.distance for f in found], [0, 1, 2**0.5], atol=1e-6)


def test_exact_index_refuses_faces_without_vectors() -> None:
    """As many vectors as faces, or an error: labels never shift."""
    with pytest.raises(ValueError, match="disagree"):
        ExactIndex(faces_of(3), np.zeros((2, 4), dtype=np.float32))
    with pytest.raises(FaceNotFound):
        ExactIndex(faces_of(1), np.ones((1, 1), dtype=np.float32)).thumbnail("f00000")


def test_the_build_states_the_recall_that_brute_force_finds(large_build: Path) -> None:
    """The manifest's share of its own faces is that of an exact search over the same questions."""
    index, exact = open_index(large_build, MODEL), ExactIndex(FACES, VECTORS)
    shares = []
    for row in np.unique(np.linspace(0, COUNT - 1, 400).round().astype(int)):
        truth = {near.face_id for near in exact.search(VECTORS[row], 10)}
        shares.append(len(truth & {near.face_id for near in index.search(VECTORS[row], 10)}) / 10)
    measured = index.manifest.measured
    assert measured is not None
    assert measured.of_rows == pytest.approx(np.mean(shares), abs=1e-3)
    assert index.manifest.recall == measured.share >= TARGET + MARGIN
