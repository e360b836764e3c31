"""An index where something is scarce: address space, memory, the right to write, the right processor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.engines import annoy_forest
from simsvc.adapters.ops.disk import available_memory_bytes
from simsvc.errors import IndexEngineUnfit, IndexTooLarge, IndexUnwritable
from tests.simsvc.adapters.index.helpers import MODEL, clustered, shelve

BEYOND = """
import resource, sys
from pathlib import Path
from simsvc.adapters.index.engines.annoy_forest import load_forest
from simsvc.adapters.index.files.mapping import mapping
from simsvc.errors import IndexTooLarge
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
try:
    with mapping(folder):
        load_forest(folder / "faces.annoy", 13)
except IndexTooLarge as error:
    print(error.sentence)
"""
NOBODY = 65_534


def test_a_build_beyond_the_address_space_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    """Where a process may not map the file, a sentence names the limit instead of a new build."""
    with (tmp_path / "faces.annoy").open("wb") as file:
        file.truncate(2**32)  # takes no room; four times 2**30, and a multiple of a node of 16 numbers
    said = subprocess.run(
        [sys.executable, "-c", BEYOND, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert "is 4295 MB, more than this process can map" in said


def test_too_little_memory_to_build_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that runs out of memory ends in a sentence and leaves nothing behind."""

    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(annoy_forest, "grow", exhausted)
    with pytest.raises(IndexTooLarge, match="or use a larger machine"):
        shelve(tmp_path, clustered(20, 8, seed=5))
    assert list((tmp_path / "demo").iterdir()) == []


def test_a_full_disk_is_said_before_it_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forest that the disk has no room for is not begun: growing it there would end in a bus error."""
    monkeypatch.setattr(annoy_forest, "least_free_bytes", lambda _folders: 1_000)
    with pytest.raises(IndexUnwritable, match="No space left on device"):
        shelve(tmp_path, clustered(20, 8, seed=5))


def test_what_a_container_leaves_is_what_there_is(tmp_path: Path) -> None:
    """The lesser of the machine's and the container's memory counts; without either, no limit."""
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable: 500 kB\n")
    assert available_memory_bytes(tmp_path / "meminfo", tmp_path) == 512_000
    (tmp_path / "memory.max").write_text("300000\n")
    (tmp_path / "memory.current").write_text("100000\n")
    assert available_memory_bytes(tmp_path / "meminfo", tmp_path) == 200_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory_bytes(tmp_path / "meminfo", tmp_path) == 512_000
    assert available_memory_bytes(tmp_path / "absent", tmp_path / "absent") > 2**60


@contextmanager
def as_reader(root: Path) -> Iterator[None]:
    """Take away the right to write below a folder, root's own too."""
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for path in (root, *root.rglob("*")):
            path.chmod(0o755)


def test_a_read_only_folder_is_served_from() -> None:
    """Nothing is written to answer; what would write says that it cannot."""
    with tempfile.TemporaryDirectory() as name:
        root, rows = Path(name), clustered(30, 8, seed=5)
        label = "/".join(shelve(root, rows).parts[-2:])
        IndexStore(root).switch(label)
        with as_reader(root):
            index = CurrentIndex(root, MODEL).get()
            assert index.search(rows[7], 1)[0].face_id == "f00007"
            with pytest.raises(IndexUnwritable, match="permissions"):
                shelve(root, rows)
            with pytest.raises(IndexUnwritable, match="permissions"):
                IndexStore(root).switch(label)


def test_annoy_runs_here() -> None:
    """On the processor that it was compiled for, nothing is said."""
    annoy_forest.check_engine()


def test_annoy_of_another_processor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An illegal instruction kills the process that tries, and this one says how to compile Annoy."""
    monkeypatch.setattr(annoy_forest, "PROBE", "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    with pytest.raises(IndexEngineUnfit, match="no-binary annoy"):
        annoy_forest.check_engine()


def test_rows_are_read_whatever_the_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors are mapped from the forest's file, and copied item by item where its layout is another."""
    rows = clustered(40, 8, seed=5)
    annoy_forest.write_forest(tmp_path / "f.annoy", rows, 2)
    forest = annoy_forest.load_forest(tmp_path / "f.annoy", 8)
    mapped = annoy_forest.rows_of(tmp_path / "f.annoy", forest, 40, 8)
    monkeypatch.setattr(annoy_forest, "HEADER", 4)
    copied = annoy_forest.rows_of(tmp_path / "f.annoy", forest, 40, 8)
    assert isinstance(mapped, np.memmap)
    assert not isinstance(copied, np.memmap)
    assert np.array_equal(mapped, rows)
    assert np.array_equal(copied, rows)
