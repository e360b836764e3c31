from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.files.pointer import read_current, write_current
from simsvc.domain.gallery.manifest import BuildFacts, ModelSummary
from simsvc.errors import (
    BuildNotFound,
    BuildRunning,
    IndexDamaged,
    IndexMissing,
    IndexModelMismatch,
    IndexUnwritable,
)
from simsvc.values import LabelledFace

MODEL = "ab" * 32
PlaceBuild = Callable[..., str]


@pytest.fixture
def shelf(tmp_path: Path) -> IndexStore:
    return IndexStore(tmp_path / "indexes")


@pytest.fixture
def place(shelf: IndexStore) -> PlaceBuild:
    def place_build(count: int, model: str = MODEL, name: str = "demo") -> str:
        rows = np.random.default_rng(count).standard_normal((count, 8)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        with shelf.draft(name) as draft:
            for item, row in enumerate(rows):
                draft.add(LabelledFace(f"f{item}", 20.0, "demo", f"{item}.png"), row, b"jpeg")
            return draft.finish(BuildFacts(ModelSummary("tiny-0", model, "onnx", 1.1), (), ())).label

    return place_build


def test_a_build_stands_whole_or_not_at_all(shelf: IndexStore, place: PlaceBuild) -> None:
    """A draft that fails leaves nothing behind; a finished one verifies; neither is in service by itself."""
    with pytest.raises(ValueError, match="outside 0"), shelf.draft("demo") as draft:
        draft.add(LabelledFace("f0", -1.0, "demo", "0.png"), np.ones(1, dtype=np.float32), b"jpeg")
    assert list((shelf.root / "demo").iterdir()) == []
    label = place(3)
    assert shelf.labels() == (label,)
    assert shelf.verify(label).count == 3
    assert shelf.current() is None


def test_leftovers_of_dead_builds_are_swept(shelf: IndexStore, place: PlaceBuild) -> None:
    """What a killed build left in any index is gone after the next build."""
    dead = shelf.root / "other" / ".building-1-x"
    dead.mkdir(parents=True)
    (dead / "thumbnails.bin").touch()
    place(3)
    assert not dead.exists()


def _hold(
    root: Path, held: multiprocessing.synchronize.Event, done: multiprocessing.synchronize.Event
) -> None:
    with IndexStore(root).draft("demo"):
        held.set()
        done.wait(30)


def test_two_builds_at_once_are_refused_with_a_sentence(shelf: IndexStore, place: PlaceBuild) -> None:
    """While another process builds, a second build says so; afterwards it works."""
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(shelf.root, held, done))
    other.start()
    assert held.wait(30)
    with pytest.raises(BuildRunning, match="Wait until it has finished"):
        place(3)
    done.set()
    other.join(30)
    label = place(3)
    assert shelf.labels() == (label,)


def test_the_same_build_again_keeps_the_folder_that_stands(shelf: IndexStore, place: PlaceBuild) -> None:
    """A whole build is not replaced by its twin, so services that map it are not disturbed."""
    label = place(3)
    inode = (shelf.root / label).stat().st_ino
    assert place(3) == label
    assert (shelf.root / label).stat().st_ino == inode


def test_the_same_build_again_replaces_a_damaged_one(shelf: IndexStore, place: PlaceBuild) -> None:
    """Building again is the remedy that the sentence about damage promises."""
    label = place(3)
    (shelf.root / label / "faces.json").write_text("{}")
    with pytest.raises(IndexDamaged, match=r"the length of faces\.json differs"):
        shelf.verify(label)
    assert place(3) == label
    assert shelf.verify(label).count == 3


def test_finds_builds_as_people_name_them(shelf: IndexStore, place: PlaceBuild) -> None:
    """A label, a build id or its beginning will do, where only one build matches."""
    one, two = place(3), place(4)
    assert shelf.find(one) == one
    assert shelf.find(two.partition("/")[2]) == two
    assert shelf.find(one.partition("/")[2][:6]) == one
    for text, sentence in [("b-", "Several"), ("b-zz", "no such"), ("", "no such"), ("../demo", "no such")]:
        with pytest.raises(BuildNotFound, match=sentence):
            shelf.find(text)


@pytest.mark.parametrize("name", ["", "A", "../x", ".x", "a/b", "a" * 41])
def test_refuses_names_that_are_not_plain(shelf: IndexStore, name: str) -> None:
    """The name of an index is a plain word, never a path."""
    with pytest.raises(BuildNotFound, match="lower-case letters"), shelf.draft(name):
        pass


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """The operator learns what is wrong with the disk, not where in the code."""
    (tmp_path / "file").touch()
    with pytest.raises(IndexUnwritable, match="Not a directory"), IndexStore(tmp_path / "file").draft("demo"):
        pass


def test_switching_to_no_build_is_refused(shelf: IndexStore, place: PlaceBuild) -> None:
    """Only a build that stands can be put into service."""
    shelf.switch(place(3))
    before = shelf.current()
    for label in ("demo/b-000000000000", "demo", "../../x"):
        with pytest.raises(BuildNotFound):
            shelf.switch(label)
    assert shelf.current() == before


def test_no_index_yet_is_a_sentence(shelf: IndexStore) -> None:
    """Before the first build, the sentence names the command."""
    with pytest.raises(IndexMissing, match="flask index build"):
        CurrentIndex(shelf.root, MODEL).get()


def test_a_running_service_follows_a_switch(shelf: IndexStore, place: PlaceBuild) -> None:
    """The next call after a switch gives the new build; without a switch the same object comes back."""
    one, two = place(3), place(4)
    shelf.switch(one)
    current = CurrentIndex(shelf.root, MODEL)
    first = current.get()
    assert first.label == one
    assert current.get() is first
    shelf.switch(two)
    assert current.get().label == two
    assert len(first.search(first.base.embeddings()[0], 2)) == 2, (
        "a request that holds the old one still finishes"
    )


@pytest.mark.parametrize("harm", ["damaged", "different model", "garbled", "gone"])
def test_the_last_good_index_stays_in_service(
    shelf: IndexStore, place: PlaceBuild, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A switch to a build that cannot be used is logged once; the next good one is taken."""
    good = place(3)
    shelf.switch(good)
    current = CurrentIndex(shelf.root, MODEL)
    assert current.get().label == good
    bad = place(4, model="00" * 32 if harm == "different model" else MODEL)
    if harm == "damaged":
        (shelf.root / bad / "faces.json").write_text("{}")
    if harm == "garbled":
        (shelf.root / "current.json").write_text("{")
    elif harm == "gone":
        (shelf.root / "current.json").unlink()
    else:
        shelf.switch(bad)
    assert [current.get().label for _ in range(3)] == [good] * 3
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    better = place(5)
    shelf.switch(better)
    assert current.get().label == better


def test_no_request_is_dropped_while_builds_are_switched(shelf: IndexStore, place: PlaceBuild) -> None:
    """Four threads search without a pause or an error while the index is switched to and fro."""
    labels = [place(3), place(4)]
    shelf.switch(labels[0])
    current, over = CurrentIndex(shelf.root, MODEL), threading.Event()
    query = np.eye(1, 8, dtype=np.float32)[0]

    def request() -> set[str]:
        seen = set()
        while not over.is_set():
            index = current.get()
            assert len(index.search(query, 3)) == 3
            seen.add(index.label)
        return seen

    with ThreadPoolExecutor(4) as pool:
        requests = [pool.submit(request) for _ in range(4)]
        try:
            for turn in range(20):
                shelf.switch(labels[turn % 2])
                assert current.get().label in labels
        finally:
            over.set()
        assert set().union(*(request.result() for request in requests)) == set(labels)
    assert current.get().label == labels[1]


def test_a_first_index_that_cannot_be_used_is_a_typed_error(shelf: IndexStore, place: PlaceBuild) -> None:
    """At the start there is no last good one: the error says what is wrong, until it is put right."""
    shelf.switch(place(3, model="00" * 32))
    current = CurrentIndex(shelf.root, MODEL)
    with pytest.raises(IndexModelMismatch):
        current.get()
    shelf.switch(place(4))
    assert current.get().count == 4


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"name": "..", "build": ".."}', '{"name": 1, "build": null}']
)
def test_a_garbled_pointer_is_damage(tmp_path: Path, text: str) -> None:
    """Whatever current.json holds, it never leads outside the index folder."""
    (tmp_path / "current.json").write_text(text)
    with pytest.raises(IndexDamaged, match=r"current\.json"):
        read_current(tmp_path)


def test_the_pointer_leaves_no_file_beside_it(tmp_path: Path) -> None:
    """Writing the pointer many times leaves the pointer alone."""
    for number in range(3):
        write_current(tmp_path, f"demo/b-00000000000{number}")
    assert [path.name for path in tmp_path.iterdir()] == ["current.json"]
    assert read_current(tmp_path) == "demo/b-000000000002"
