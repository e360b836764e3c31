from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from simsvc.domain.gallery.face_changes import ChangeSet
from simsvc.domain.gallery.labelled_faces import LabelledPhoto, labelled_face
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.store.tables import EventContentRow, EventRow, FaceRow
from simsvc.wiring.services import Services
from tests.drawn_faces import draw_face
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.small_site import drawn_photo, make_small_site


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return make_small_site(tmp_path, faces=15)


@pytest.fixture
def worker(site: Settings) -> Services:
    """Return the services of another process, its engines up before anything changes."""
    services = Services(site)
    services.warm_up()
    return services


@pytest.fixture
def run(site: Settings) -> Run:
    return runner(command_app(site))


def nearest(worker: Services, photo: bytes) -> tuple[str, float]:
    """Ask a worker for an estimate; return the face most alike and its label."""
    pipeline = replace(worker.pipeline(), one_vote=False)  # the judged photo itself is among the faces
    near = estimate(photo, "photo.jpg", pipeline).estimate.neighbours[0]
    return near.face_id, near.age_years


@pytest.fixture
def added(site: Settings, run: Run) -> tuple[str, str]:
    """Add a photo as a face of 33 years; return its path and its id."""
    path = site.batch_dir.parent / "new.jpg"
    path.write_bytes(drawn_photo(2000))
    return str(path), run("face", "add", str(path), "--age", "33", "--source", "clinic").split()[0]


def test_an_added_face_is_seen_at_once(worker: Services, run: Run, added: tuple[str, str]) -> None:
    """A running worker's next estimate has it; added again, it is known."""
    path, face_id = added
    assert nearest(worker, drawn_photo(2000)) == (face_id, 33.0)
    assert run("face", "add", path, "--age", "33", "--source", "clinic", exit_code=1).count("known") == 1


def test_a_relabelled_face_lives_through_a_build(worker: Services, run: Run, added: tuple[str, str]) -> None:
    """Its new age is in the next estimate, and the next build has the face as a source of its own."""
    run("face", "relabel", added[1], "--age", "44")
    assert nearest(worker, drawn_photo(2000)) == (added[1], 44.0)
    run("index", "build", "--name", "demo", "--use")
    manifest = worker.shelf.manifest(worker.pipeline().index().label)
    assert [(source.name, source.faces) for source in manifest.sources] == [("clinic", 1), ("demo", 15)]
    assert nearest(worker, drawn_photo(2000)) == (added[1], 44.0)


def test_a_removed_face_stays_away(worker: Services, run: Run, added: tuple[str, str]) -> None:
    """It is gone from the next estimate and the next build, and is not added or removed again."""
    path, face_id = added
    run("face", "remove", face_id)
    assert nearest(worker, drawn_photo(2000))[0] != face_id
    run("index", "build", "--name", "demo", "--use")
    assert worker.pipeline().index().count == 15
    assert nearest(worker, drawn_photo(2000))[0] != face_id
    assert "removed" in run("face", "add", path, "--age", "33", "--source", "clinic", exit_code=1)
    assert "no reference face" in run("face", "remove", face_id, exit_code=1)


def test_a_removed_face_of_the_source_does_not_come_back(worker: Services, run: Run) -> None:
    """A build from the folder that still holds its photo leaves it out and says so."""
    face = worker.gallery(worker.shelf.current() or "").faces[3]
    run("face", "remove", face.face_id)
    assert "1 skipped: removed" in run("index", "build", "--name", "demo", "--use")
    assert face.face_id not in {known.face_id for known in worker.gallery(worker.shelf.current() or "").faces}


def test_a_folder_is_added_with_its_labels(site: Settings, worker: Services, run: Run) -> None:
    """labels.csv gives each photo its own age; what cannot be used is counted, not fatal."""
    folder = site.batch_dir.parent / "more"
    folder.mkdir()
    for seed in (3000, 3001):
        draw_face(seed).save(folder / f"{seed}.jpg")
    (folder / "bad.jpg").write_bytes(b"no photo")
    (folder / "labels.csv").write_text("file,age\n3000.jpg,20\n3001.jpg,21\nbad.jpg,22\n")
    said = run("face", "add", str(folder), "--source", "more")
    assert "2 faces added" in said
    assert "1 skipped: not_an_image" in said
    ages = {face.age_years for face in worker.pipeline().index().faces if face.source == "more"}  # type: ignore[attr-defined]
    assert ages == {20.0, 21.0}


def test_content_decides_what_is_added(site: Settings, run: Run) -> None:
    """Photos of any ending and of none are added; what is left out is counted and named."""
    folder = site.batch_dir.parent / "any"
    (folder / "@eaDir").mkdir(parents=True)
    for at, name in enumerate(["a.jfif", "b.JPE", "c", "._d.jpg"]):
        draw_face(3100 + at).save(folder / name, "JPEG")
    (folder / "notes.txt").write_text("no photo")
    said = run("face", "add", str(folder), "--age", "30", "--source", "any")
    assert "3 faces added" in said
    assert "1 left out: no photo by its first bytes (notes.txt)" in said
    assert "1 left out: system file (._d.jpg)" in said
    assert "1 left out: thumbnail made by a NAS or photo program (@eaDir)" in said
    (folder / "@eaDir").rmdir()
    for path in (folder / "a.jfif", folder / "b.JPE", folder / "c"):
        path.unlink()
    assert "(notes.txt)" in run("face", "add", str(folder), "--age", "30", "--source", "any", exit_code=1)


def test_a_face_removed_under_its_old_name_stays_out(site: Settings, worker: Services, run: Run) -> None:
    """A face that an earlier version knew by a decomposed name does not come back by the composed one."""
    folder = site.batch_dir.parent / "old"
    folder.mkdir()
    draw_face(3200).save(folder / "u\u0308.jpg")
    old = LabelledPhoto(folder / "u\u0308.jpg", "u\u0308.jpg", 30.0)
    removed = frozenset({labelled_face("old", old).face_id})
    worker.shelf.journal.append(ChangeSet(removed=removed))
    said = run("face", "add", str(folder), "--age", "30", "--source", "old", exit_code=1)
    assert "removed" in said


def test_a_build_tells_what_it_left_out(site: Settings, run: Run) -> None:
    """A build counts and names the files of the folder that no row names, and columns that are not read."""
    folder = site.batch_dir.parent / "build"
    folder.mkdir()
    for at in range(4):
        draw_face(3300 + at).save(folder / f"{at}.jfif", "JPEG")
    (folder / "labels.csv").write_bytes("sep=;\nfile;age;sex\n0.jfif;30,5;m\n1.jfif;31;f\n".encode("utf-16"))
    said = run("index", "build", "--source", "folder", "--path", str(folder))
    assert "2 left out: photo that labels.csv does not name (2.jfif, 3.jfif)" in said
    assert "not read: sex" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("face", "add", "nowhere", "--age", "30", "--source", "x"), "No photo found at"),
        (("face", "add", "nowhere", "--age", "131", "--source", "x"), "from 0 to 130"),
        (("face", "add", "nowhere", "--source", "A/B"), "is not a valid data set name"),
        (("face", "relabel", "f0", "--age", "30"), "no reference face"),
        (("face", "relabel", "f0", "--age", "nan"), "from 0 to 130"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """Bad paths, ages, names and ids end with status 1 and say what to do."""
    assert sentence in run(*words, exit_code=1)


def test_every_change_is_logged_without_names(site: Settings, worker: Services, run: Run) -> None:
    """Each change appends an event that names the set of changes, and no file."""
    path = site.batch_dir.parent / "Jane Doe.jpg"
    path.write_bytes(drawn_photo(2000))
    face_id = run("face", "add", str(path), "--age", "33", "--source", "clinic").split()[0]
    run("face", "relabel", face_id, "--age", "34")
    run("face", "remove", face_id)
    with worker.database.transaction() as session:
        rows = session.execute(
            select(EventRow.subject, EventContentRow.content)
            .join(EventContentRow, EventContentRow.seq == EventRow.seq)
            .where(EventRow.kind == "face")
            .order_by(EventRow.seq)
        ).all()
        labels = session.scalars(select(FaceRow.age_years).where(FaceRow.face_id == face_id)).all()
    assert {row.subject for row in rows} == {f"face:{face_id}"}
    contents = [json.loads(row.content) for row in rows]
    assert [entry["what"] for entry in contents] == ["add", "relabel", "remove"]
    assert [entry["face_changes"] for entry in contents] == [1, 2, 3]
    assert "Jane" not in str(rows)
    assert labels == [34.0]
