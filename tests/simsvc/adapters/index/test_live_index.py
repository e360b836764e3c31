"""Face changes laid over a build, held against a build that was made anew with them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.engines.built_index import BuiltIndex
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.files.face_journal import FILE, FaceJournal
from simsvc.adapters.index.live_index import FreshSegment, LiveGallery, LiveIndex
from simsvc.domain.gallery.face_changes import (
    ChangeSet,
    FaceChanges,
    LiveFace,
    changes_of,
    from_lines,
    to_line,
)
from simsvc.domain.gallery.manifest import BuildFacts, IndexEngine, ModelSummary
from simsvc.errors import FaceNotFound, IndexDamaged
from simsvc.values import LabelledFace
from tests.simsvc.exact_index import ExactIndex

Vectors = NDArray[np.float32]
MODEL = "ab" * 32
DIMS, BUILT = 8, 30


def unit(count: int, seed: int) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIMS))
    vectors: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


VECTORS = unit(BUILT + 20, seed=1)
FACES = [LabelledFace(f"f{item:02}", float(item), "demo", f"{item:02}.png") for item in range(len(VECTORS))]
QUERIES = unit(5, seed=2)


def live(item: int, index_name: str = "demo", model: str = MODEL) -> LiveFace:
    """Return face number `item` as one that is added."""
    return LiveFace(FACES[item], index_name, model, VECTORS[item], f"live {item}".encode())


def place(root: Path, faces: list[tuple[LabelledFace, Vectors]], engine: IndexEngine = "annoy") -> BuiltIndex:
    """Build an index of faces and open it."""
    shelf = IndexStore(root, engine=engine)
    with shelf.draft("demo") as draft:
        for face, row in faces:
            draft.add(face, row, face.face_id.encode())
        label = draft.finish(BuildFacts(ModelSummary("tiny-0", MODEL, "onnx", 1.1), (), ())).label
    shelf.switch(label)
    return open_index(root / label, MODEL)


def rebuilt(root: Path, changes: FaceChanges, engine: IndexEngine) -> BuiltIndex:
    """Build the first faces and the added ones anew, as the changes leave them."""
    rows = {face.face_id: row for face, row in zip(FACES, VECTORS, strict=True)}
    kept = changes.kept(FACES[:BUILT])
    added = tuple(one.face for one in changes.added_to("demo", MODEL))
    return place(root, [(face, rows[face.face_id]) for face in (*kept, *added)], engine)


@pytest.fixture(scope="module", params=["annoy", "lance"])
def built(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> BuiltIndex:
    faces = list(zip(FACES[:BUILT], VECTORS, strict=False))
    return place(tmp_path_factory.mktemp("built"), faces, request.param)


ADDED = st.integers(BUILT, len(FACES) - 1)
ANY = st.integers(0, len(FACES) - 1)
CHANGES = st.one_of(
    st.lists(ADDED, min_size=1, max_size=6, unique=True).map(
        lambda items: ChangeSet(added=tuple(live(item) for item in items))
    ),
    st.tuples(ANY, st.integers(0, 120)).map(
        lambda pair: ChangeSet(ages_years={FACES[pair[0]].face_id: float(pair[1])})
    ),
    st.sets(ANY, min_size=1, max_size=8).map(
        lambda items: ChangeSet(removed=frozenset(FACES[item].face_id for item in items))
    ),
    ANY.map(lambda item: ChangeSet(erased=frozenset({FACES[item].face_id}))),
)


@settings(max_examples=40)
@given(st.lists(CHANGES, max_size=8), st.integers(1, 60))
def test_answers_equal_those_after_a_rebuild(built: BuiltIndex, sets: list[ChangeSet], k: int) -> None:
    """Whatever was added, relabelled, removed, erased: same faces, labels and distances as a new build's."""
    changes = changes_of(sets)
    if len(changes.removed & {face.face_id for face in FACES[:BUILT]}) == BUILT and not changes.live:
        return  # no build is made of nothing
    index = LiveIndex(built, changes)
    with tempfile.TemporaryDirectory() as folder:
        oracle = rebuilt(Path(folder), changes, built.manifest.index_engine)
        assert index.count == oracle.count
        assert sorted(index.faces, key=lambda f: f.face_id) == sorted(oracle.faces, key=lambda f: f.face_id)
        for query in QUERIES:
            assert index.search(query, k) == oracle.search(query, k)


@settings(max_examples=40)
@given(st.lists(CHANGES, max_size=8), st.integers(0, 60), st.integers(1, 60))
def test_a_page_by_age_is_a_part_of_all_faces_sorted(
    built: BuiltIndex, sets: list[ChangeSet], start: int, count: int
) -> None:
    """Whatever was added, relabelled, removed, erased, pages show the faces of answers, youngest first."""
    gallery = LiveGallery(built.gallery, "demo", changes_of(sets))
    faces = sorted(gallery.faces, key=lambda face: face.age_years)
    page = gallery.by_age(start, count)
    assert page.faces == tuple(faces[start : start + count])
    assert page.count == len(faces)
    assert page.sources == tuple(sorted({face.source for face in faces}))


def test_two_hundred_added_faces_are_found_at_once(built: BuiltIndex) -> None:
    """Each of 200 added faces is its own nearest; the fresh segment agrees with brute force."""
    vectors = unit(200, seed=3)
    faces = [LabelledFace(f"n{item:03}", 40.0, "clinic", f"{item}.png") for item in range(200)]
    added = tuple(LiveFace(face, "demo", MODEL, row, b"x") for face, row in zip(faces, vectors, strict=True))
    index = LiveIndex(built, changes_of([ChangeSet(added=added)]))
    assert [index.search(row, 1)[0].face_id for row in vectors] == [face.face_id for face in faces]
    segment, exact = FreshSegment(added, built.segment), ExactIndex(faces, vectors)
    for query in QUERIES:
        found = segment.search(query, 12)
        assert [near.face_id for near in found] == [near.face_id for near in exact.search(query, 12)]


def test_k_faces_come_back_however_many_are_removed(built: BuiltIndex) -> None:
    """With the 15 nearest removed, the next 12 are the answer."""
    nearest = built.search(QUERIES[0], 27)
    removed = frozenset(near.face_id for near in nearest[:15])
    index = LiveIndex(built, changes_of([ChangeSet(removed=removed)]))
    assert index.search(QUERIES[0], 12) == nearest[15:]


def test_an_added_face_belongs_to_its_index_and_model(built: BuiltIndex) -> None:
    """Faces added to another index, or embedded by another model, are in no answer here."""
    foreign = (live(BUILT, index_name="other"), live(BUILT + 1, model="00" * 32))
    index = LiveIndex(built, changes_of([ChangeSet(added=foreign)]))
    assert index.count == BUILT


def test_records_still_show_what_was_removed_and_nothing_of_what_was_erased(built: BuiltIndex) -> None:
    """A removed face keeps its thumbnail for old records; an erased one has none."""
    removed, erased = frozenset({"f01", f"f{BUILT}"}), frozenset({"f02", f"f{BUILT + 1}"})
    sets = [
        ChangeSet(added=(live(BUILT), live(BUILT + 1))),
        ChangeSet(removed=removed),
        ChangeSet(erased=erased),
    ]
    index = LiveIndex(built, changes_of(sets))
    assert index.thumbnail("f01") == b"f01"
    assert index.thumbnail(f"f{BUILT}") == f"live {BUILT}".encode()
    for face_id in erased:
        with pytest.raises(FaceNotFound, match="erased"):
            index.thumbnail(face_id)


def test_an_older_state_can_be_asked_for_but_erasure_holds_for_all(built: BuiltIndex) -> None:
    """After the first set the added face answers and the later removal does not count; erased is erased."""
    sets = [
        ChangeSet(added=(live(BUILT), live(BUILT + 1))),
        ChangeSet(removed=frozenset({f"f{BUILT}"})),
        ChangeSet(erased=frozenset({f"f{BUILT + 1}"})),
    ]
    index = LiveIndex(built, changes_of(sets, 1))
    assert index.face_changes == 1
    assert index.search(VECTORS[BUILT], 1)[0].face_id == f"f{BUILT}"
    assert index.search(VECTORS[BUILT + 1], 1)[0].face_id != f"f{BUILT + 1}"


@given(st.lists(CHANGES, max_size=5), st.data())
def test_a_journal_survives_a_crash_at_any_byte(sets: list[ChangeSet], data: st.DataObject) -> None:
    """Cut anywhere, the file gives the sets that were whole, and the next one is appended after them."""
    text = "".join(to_line(one) for one in sets).encode()
    cut = data.draw(st.integers(0, len(text)))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(text[:cut])
        whole = text[:cut].count(b"\n")
        journal = FaceJournal(Path(folder))
        assert journal.changes().number == whole
        assert journal.append(ChangeSet(removed=frozenset({"f00"}))) == whole + 1
        assert journal.changes().removed >= {"f00"}
        assert journal.changes(whole).removed == changes_of(sets[:whole]).removed


def test_lines_keep_every_bit() -> None:
    """What is read back is what was written: vectors to the last bit, thumbnails, labels."""
    (back,) = from_lines(to_line(ChangeSet(added=(live(BUILT),), ages_years={"f01": 3.5})).encode())
    assert np.array_equal(back.added[0].embedding, VECTORS[BUILT])
    assert (back.added[0].face, back.added[0].thumbnail) == (FACES[BUILT], f"live {BUILT}".encode())
    assert dict(back.ages_years) == {"f01": 3.5}


def test_a_changed_line_is_refused(tmp_path: Path) -> None:
    """A byte changed by hand is damage that names its line, not another answer."""
    journal = FaceJournal(tmp_path)
    journal.append(ChangeSet(removed=frozenset({"f01"})))
    journal.append(ChangeSet(removed=frozenset({"f02"})))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(b"f02", b"f03"))
    with pytest.raises(IndexDamaged, match="Line 2"):
        journal.changes()


def test_nothing_of_an_erased_face_is_left_in_the_file(tmp_path: Path) -> None:
    """Its vector, thumbnail, name and labels are gone; the sets keep their numbers."""
    journal = FaceJournal(tmp_path)
    journal.append(ChangeSet(added=(live(BUILT), live(BUILT + 1))))
    journal.append(ChangeSet(ages_years={f"f{BUILT}": 99.0}))
    erased = journal.erase(frozenset({f"f{BUILT}"}))
    assert erased.number == 3
    assert erased.sha256s == dict(enumerate(journal.sha256s(), 1))  # the face was in each set
    text = (tmp_path / FILE).read_text()
    assert text.count(f"f{BUILT}") == 1, "only that it was erased"
    assert f"{BUILT}.png" not in text
    assert f"f{BUILT + 1}" in text
    assert journal.changes(2).number == 2


def test_a_running_service_follows_a_change_of_faces(tmp_path: Path) -> None:
    """The next call after a change answers so, over the same opened build."""
    place(tmp_path, list(zip(FACES[:BUILT], VECTORS, strict=False)))
    current = CurrentIndex(tmp_path, MODEL)
    before = current.get()
    FaceJournal(tmp_path).append(ChangeSet(added=(live(BUILT),)))
    after = current.get()
    assert after.search(VECTORS[BUILT], 1)[0].face_id == f"f{BUILT}"
    assert after.base is before.base
    FaceJournal(tmp_path).append(ChangeSet(removed=frozenset({f"f{BUILT}"})))
    assert current.get().search(VECTORS[BUILT], 1)[0].face_id != f"f{BUILT}"
    assert current.get() is current.get()


def test_a_damaged_journal_leaves_the_last_good_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A running service says so once and goes on."""
    place(tmp_path, list(zip(FACES[:BUILT], VECTORS, strict=False)))
    current = CurrentIndex(tmp_path, MODEL)
    good = current.get()
    (tmp_path / FILE).write_text("nonsense\n")
    assert [current.get() for _ in range(3)] == [good] * 3
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
