"""What is Lance's own: its partitions, what a second build shares, what a rebuild leaves out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.engines import lance_table
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.engines.lance_table import LanceTable, allowlist, items_of, write_table
from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.pointer import write_current
from simsvc.domain.gallery.manifest import Partitions
from simsvc.errors import IndexDamaged, IndexEngineMissing
from tests.simsvc.adapters.index.helpers import MODEL, Vectors, clustered, searched_by, shelve

DIMS = 16
ROWS = clustered(1_000, DIMS, seed=2)
QUESTIONS = clustered(20, DIMS, seed=3)


def built(root: Path, rows: Vectors = ROWS) -> Path:
    with searched_by("lance in partitions") as engine:
        return shelve(root, rows, engine)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("indexes"))


def test_a_second_build_answers_alike_under_the_same_id(folder: Path, tmp_path: Path) -> None:
    """Lance's files differ in name and time; ID, partitions, recall and every answer do not."""
    again = built(tmp_path)
    assert again.name == folder.name
    one, two = open_index(folder, MODEL), open_index(again, MODEL)
    assert one.manifest.partitions == two.manifest.partitions
    assert one.manifest.measured == two.manifest.measured
    assert [one.search(row, 10) for row in QUESTIONS] == [two.search(row, 10) for row in QUESTIONS]
    assert built(tmp_path, ROWS[:-1]).name != folder.name


def test_a_build_again_mends_a_damaged_one(folder: Path, tmp_path: Path) -> None:
    """Damage is named with its remedy, and building again brings the same label and answers back."""
    shutil.copytree(folder.parents[1], tmp_path / "indexes")
    before = [open_index(folder, MODEL).search(row, 10) for row in QUESTIONS]
    damaged = tmp_path / "indexes" / folder.parent.name / folder.name
    next(damaged.glob("faces.lance/_indices/*/*")).unlink()
    with pytest.raises(IndexDamaged, match="is missing"):
        open_index(damaged, MODEL)
    assert built(tmp_path / "indexes") == damaged
    assert [open_index(damaged, MODEL).search(row, 10) for row in QUESTIONS] == before


def test_no_byte_of_an_erased_face_is_in_the_next_build(folder: Path, tmp_path: Path) -> None:
    """A build without a face has neither its vector nor its thumbnail in any file of its folder."""
    vector = ROWS[7].tobytes()
    next_one = built(tmp_path, np.delete(ROWS, 7, axis=0))
    assert any(vector in path.read_bytes() for path in files_of(folder))
    assert not any(vector in path.read_bytes() for path in files_of(next_one))


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_that_the_manifest_does_not_name_is_never_read(folder: Path) -> None:
    """Every file below faces.lance has its fingerprint in the manifest."""
    named = manifests.read(folder).files
    assert {path.relative_to(folder).as_posix() for path in files_of(folder)} == {*named, "manifest.json"}


def test_small_galleries_are_compared_face_by_face(tmp_path: Path) -> None:
    """Below what codes need to train there are no partitions, and every neighbour is found."""
    index = open_index(shelve(tmp_path, ROWS[:300], "lance"), MODEL)
    assert index.manifest.partitions is None
    assert index.manifest.recall == 1.0


def test_copies_are_found_across_the_borders_of_partitions(tmp_path: Path) -> None:
    """Each face's copy, a hair away, has the same photo's number, whatever partition it lies in."""
    near = ROWS[:400] + np.float32(1e-3) * clustered(400, DIMS, seed=9)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    index = open_index(built(tmp_path, np.concatenate([ROWS[:400], near])), MODEL)
    assert index.manifest.copies is not None
    assert all(any({item, item + 400} <= set(photo) for photo in index.photos()) for item in range(400))


def test_rows_keep_their_number_over_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row's item is its place among all rows, and only allowed items are found."""
    monkeypatch.setattr(lance_table, "FRAGMENT_BITS", 7)
    monkeypatch.setattr(lance_table, "ROWS_A_FILE", 128)
    write_table(tmp_path / "t.lance", ROWS)
    table = LanceTable(tmp_path / "t.lance", DIMS)
    assert np.array_equal(table.rows(), ROWS)
    assert [int(table.search(ROWS[item], 1, None).items[0]) for item in (0, 127, 128, 999)] == [
        0,
        127,
        128,
        999,
    ]
    found = table.search(ROWS[500], 10, None, allowlist([3, 500, 900]))
    assert sorted(found.items.tolist()) == [3, 500, 900]
    assert items_of(np.array([0, (7 << 32) + 103], dtype=np.uint64)).tolist() == [0, 999]


def test_without_lance_the_sentence_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither building nor opening fails in a traceback where the extra is not installed."""
    monkeypatch.setattr(lance_table, "find_spec", lambda _: None)
    with pytest.raises(IndexEngineMissing, match=r"simsvc\[cluster\]"):
        open_index(folder, MODEL)
    with pytest.raises(IndexEngineMissing):
        shelve(tmp_path, ROWS[:1], "lance")


def test_an_annoy_build_never_loads_lance(tmp_path: Path) -> None:
    """The embedded default opens and searches without importing the extra's libraries."""
    folder = shelve(tmp_path, ROWS[:50])
    code = (
        "import sys; from pathlib import Path; from simsvc.adapters.index.engines.chosen import open_index\n"
        f"index = open_index(Path({str(folder)!r}), {MODEL!r}); index.search(index.embeddings()[0], 3)\n"
        "print({'lance', 'pyarrow', 'fsspec', 'ray'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert ended.stdout.strip() == "set()"


@pytest.mark.parametrize("values", [(0, 16, 1, 5), (4, 16, 5, 5), (4, 0, 1, 5), (4, 16, 1, 0)])
def test_partitions_that_cannot_be_searched_are_refused(values: tuple[int, int, int, int]) -> None:
    """A manifest's numbers are checked before anything is searched with them."""
    with pytest.raises(ValueError, match="cannot be searched"):
        Partitions(*values)


def test_a_service_without_an_index_follows_a_restored_file_of_a_table(tmp_path: Path) -> None:
    """A file deep in faces.lance is damaged, then restored from a backup: the next request is answered."""
    folder = shelve(tmp_path, ROWS[:100], "lance")
    write_current(tmp_path, f"demo/{folder.name}")
    path = next(folder.glob("faces.lance/data/*"))
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    current = CurrentIndex(tmp_path, MODEL)
    for _ in range(2):
        with pytest.raises(IndexDamaged, match=r"length of faces\.lance/data"):
            current.get()
    path.write_bytes(good)
    assert current.get().count == 100
