"""Reference faces imported in the browser, from the upload to the index in service and back."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simsvc.adapters.index.build_lock import build_lock
from simsvc.adapters.index.files.embedding_cache import EmbeddedJournal
from simsvc.errors import BundleMissing
from simsvc.flows.gallery import import_faces
from simsvc.settings import Settings
from simsvc.values.face_imports import ImportState
from simsvc.web.app import create_app
from simsvc.wiring import imports
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.helpers import zipped
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

Files = list[tuple[bytes, str]]
LABELS = "file,age,person,photo_date\n"
TWO_TABLES = {"a.csv": b"file,age\n", "b.csv": b"file,age\n", "c.jpg": drawn_photo(1)}


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return a service with folders of its own that processes imports at once, in this process."""
    own = {"index_root": tmp_path / "indexes", "import_dir": tmp_path / "imports"}
    settings = site.model_copy(update={**own, "database_url": sqlite_database(tmp_path / "own.sqlite3")})
    shutil.copytree(site.index_root, settings.index_root)
    app = create_app(settings)
    services: Services = app.extensions["simsvc"]
    services.imports = replace(
        services.imports, start=lambda import_id, _lock: imports.work_import(settings, import_id)
    )
    yield app
    services.database.close()


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, "admin")


def faces(count: int, first_seed: int = 500) -> dict[str, bytes]:
    return {f"faces/{number}.jpg": drawn_photo(first_seed + number) for number in range(count)}


def labelled(count: int, more: str = "") -> bytes:
    return (LABELS + "".join(f"{at}.jpg,{20 + 3 * at},,\n" for at in range(count)) + more).encode()


def upload(
    admin: FlaskClient, files: Files, labels: bytes | None = None, name: str = "clinic"
) -> TestResponse:
    data: dict[str, object] = {"name": name, "photos": [(io.BytesIO(data), path) for data, path in files]}
    if labels is not None:
        data["labels"] = (io.BytesIO(labels), "labels.csv")
    return admin.post("/gallery/imports", data=data, content_type="multipart/form-data")


def uploaded(admin: FlaskClient, files: dict[str, bytes]) -> str:
    """Upload a ZIP, and return the address of its page."""
    response = upload(admin, [(zipped(files), "faces.zip")])
    assert response.status_code == 303, response.text
    return response.headers["Location"]


def page(admin: FlaskClient, path: str) -> str:
    response = admin.get(path)
    assert response.status_code == 200
    checked(response.text)
    return response.text


def built(admin: FlaskClient, desk: Services) -> str:
    """Build an index of six faces, and return its label."""
    path = uploaded(admin, {**faces(6), "faces/labels.csv": labelled(6)})
    assert admin.post(f"{path}/build").status_code == 303
    return next(label for label in desk.shelf.labels() if label.startswith("clinic/"))


def test_from_zip_to_service_and_back(admin: FlaskClient, desk: Services) -> None:
    """Upload, findings, build, comparison, switch and roll-back; the photos are gone after the build."""
    before = desk.shelf.current()
    path = uploaded(admin, {**faces(6), "faces/labels.csv": labelled(6)})
    html = page(admin, path)
    assert "Build an index of 6 faces" in html
    assert html.count('width="160"') == 6
    assert admin.get(f"{path}/faces/0.jpg").data.startswith(b"\xff\xd8")
    admin.post(f"{path}/build")
    assert "The index is built" in page(admin, path)
    assert not list(desk.settings.import_dir.rglob("photos"))
    label = next(label for label in desk.shelf.labels() if label.startswith("clinic/"))
    assert desk.shelf.current() == before
    html = page(admin, f"/indexes/{label}")
    assert "instead of the 30 of demo/" in html
    assert "mean error by known age, years" in html
    assert admin.post(f"/indexes/{label}/use").status_code == 303
    assert desk.shelf.current() == label
    assert f"Roll back to {before}" in page(admin, "/indexes")
    admin.post(f"/indexes/{before}/use")
    assert desk.shelf.current() == before


def test_what_is_skipped_is_told_with_its_line(admin: FlaskClient) -> None:
    """No face, no photo, no label, a wrong age: each with its reason, and the rest is usable."""
    more = "blank.jpg,30,,\nnone.jpg,30,,\n1.jpg,31,,\nold.jpg,400,,\n"
    files = {**faces(2), "faces/extra.jpg": drawn_photo(700), "faces/blank.jpg": b"\xff\xd8\xff no photo"}
    html = page(admin, uploaded(admin, {**files, "faces/labels.csv": labelled(2, more)}))
    assert "Build an index of 2 faces" in html
    for name, why, line in (
        ("none.jpg", "no such file in the upload", "5"),
        ("1.jpg", "this file is listed twice; the first row counts", "6"),
        ("old.jpg", "the age must be a number from 0 to 130", "7"),
        ("faces/extra.jpg", "not listed in labels.csv", "\N{EN DASH}"),
        ("blank.jpg", "", "\N{EN DASH}"),
    ):
        row = html.partition(f'<th scope="row">{name}</th>')[2].partition("</tr>")[0]
        assert why in row
        assert f"<td>{line}</td>" in row


def test_duplicates_and_conflicts_are_shown_and_corrected(admin: FlaskClient, desk: Services) -> None:
    """The same photo twice, with one age and with two; a corrected age ends the conflict."""
    same = {"faces/0b.jpg": drawn_photo(500), "faces/1b.jpg": drawn_photo(501)}
    more = "0b.jpg,20,,\n1b.jpg,43,,\n"
    path = uploaded(admin, {**faces(3), **same, "faces/labels.csv": labelled(3, more)})
    html = page(admin, path)
    assert "One photo, different ages" in html
    assert "Duplicates" in html
    import_id = path.rpartition("/")[2]
    at = {photo.reference: photo.position for photo in desk.import_spool.find(import_id).photos}
    wrong = admin.post(f"{path}/labels", data={f"age-{at['1b.jpg']}": "old"})
    assert (wrong.status_code, "Enter the age as a number" in wrong.text) == (422, True)
    assert 'value="old"' in wrong.text
    sent = {f"age-{at['1b.jpg']}": "23", f"age-{at['0b.jpg']}": "20", f"leave-{at['0b.jpg']}": "1"}
    assert admin.post(f"{path}/labels", data=sent).status_code == 303
    html = page(admin, path)
    assert "One photo, different ages" not in html
    assert "Build an index of 4 faces" in html
    admin.post(f"{path}/labels", data={f"include-{at['0b.jpg']}": "1"})
    assert "Build an index of 5 faces" in page(admin, path)


def test_a_person_whose_ages_and_dates_disagree_is_told(admin: FlaskClient) -> None:
    """Ten years between two photos and one year between the ages."""
    rows = "0.jpg,30,anna,2010-01-01\n1.jpg,31,anna,2020-01-01\n"
    html = page(admin, uploaded(admin, {**faces(2), "faces/labels.csv": (LABELS + rows).encode()}))
    assert "anna: ages and dates disagree by 9 years" in html


@pytest.mark.parametrize(
    ("files", "labels", "words"),
    [
        ([], None, "No files were received"),
        ([(b"letter", "letter.txt")], None, "None of the files is a photo"),
        ([(drawn_photo(1), "a.jpg")], None, "There is no labels.csv"),
        ([(drawn_photo(1), "a.jpg")], b"name,years\na.jpg,3\n", "no column"),
        ([(drawn_photo(1), "a.jpg")], b"file,age\n", "no row below its first line"),
        ([(drawn_photo(1), "a.jpg")], b"file,age\na.jpg,old\n", "Line 2: the age must be a number"),
        ([(drawn_photo(1), "a.jpg")], b"file,age\nb.jpg,30\n", "It lists, for example"),
        ([(drawn_photo(1), "a.jpg")], b"file,age\n\xff\xfe\xfa", "of the CSV is not UTF-8 text"),
        ([(b"PK\x03\x04 broken", "a.zip")], None, "The ZIP is damaged"),
        ([(zipped(TWO_TABLES), "a.zip")], None, "more than one CSV"),
    ],
)  # fmt: skip
def test_an_upload_that_cannot_be_used_is_refused_in_words(
    admin: FlaskClient, desk: Services, files: Files, labels: bytes | None, words: str
) -> None:
    """One sentence, the name typed is kept, and nothing is left on the disk."""
    response = upload(admin, files or [(b"", "")], labels)
    assert response.status_code == 422
    assert words in response.text
    assert 'value="clinic"' in response.text
    assert desk.import_spool.all() == []
    assert not [path for path in desk.settings.import_dir.rglob("*") if path.is_file()]


def test_photos_are_added_one_by_one(admin: FlaskClient) -> None:
    """An empty upload, wrong fields, two photos, checked and built."""
    assert admin.post("/gallery/imports/empty", data={"single_name": "Not Valid"}).status_code == 422
    path = admin.post("/gallery/imports/empty", data={"single_name": "mine"}).headers["Location"]
    wrong = admin.post(f"{path}/photos", data={"age": "x", "person": "anna"})
    assert wrong.status_code in {415, 422}
    assert 'value="anna"' in wrong.text
    for seed in (1, 2):
        sent = {"photo": (io.BytesIO(drawn_photo(seed)), "me.jpg"), "age": "41,5", "person": "anna"}
        assert admin.post(f"{path}/photos", data=sent).status_code == 303
    assert "Check photos" in page(admin, path)
    admin.post(f"{path}/check")
    assert "Build an index of 2 faces" in page(admin, path)


def test_faces_are_added_to_the_index_in_service(admin: FlaskClient, desk: Services) -> None:
    """Once confirmed, searches include them; the event names who added them."""
    path = uploaded(admin, {**faces(2), "faces/labels.csv": labelled(2)})
    assert admin.post(f"{path}/addition").status_code == 422
    before = desk.pipeline().index().count
    assert admin.post(f"{path}/addition", data={"confirmed_live": "1"}).status_code == 303
    assert "2 faces were added" in page(admin, path)
    assert desk.pipeline().index().count == before + 2
    assert "2 faces" in page(admin, "/gallery?source=clinic")
    with desk.log.snapshot() as snapshot:
        added = [entry.event for entry in snapshot.after(0) if entry.event.kind == "face"][-1]
    assert added.actor.startswith("user:")


def test_a_failed_build_leaves_the_index_and_the_upload(
    admin: FlaskClient, desk: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another build, a missing model, a bug: the page says which, and the same upload builds later."""
    before = desk.shelf.current()
    path = uploaded(admin, {**faces(3), "faces/labels.csv": labelled(3)})
    with build_lock(desk.settings.index_root, "other"):
        admin.post(f"{path}/build")
    assert "Another index build is running" in page(admin, path)
    for failure, words in ((BundleMissing, "model"), (ZeroDivisionError, "Something went wrong while")):
        with monkeypatch.context() as patched:
            patched.setattr(imports, "index_services", lambda _settings, raised=failure: _raise(raised))
            admin.post(f"{path}/build")
        assert words in page(admin, path)
    assert desk.shelf.current() == before
    admin.post(f"{path}/build")
    assert "The index is built" in page(admin, path)


def _raise(error: type[Exception]) -> None:
    raise error()


def test_a_disk_that_fills_up_while_checking_is_told(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do; once there is room, checking continues."""
    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedJournal, "keep", lambda *_: _full())
        path = uploaded(admin, {**faces(2), "faces/labels.csv": labelled(2)})
    html = page(admin, path)
    assert "No space left on device" in html
    assert "Free some space" in html
    admin.post(f"{path}/check")
    assert "Build an index of 2 faces" in page(admin, path)


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_damaged_upload_is_none(admin: FlaskClient, desk: Services) -> None:
    """It hides no other one."""
    paths = [uploaded(admin, {**faces(1), "faces/labels.csv": labelled(1)}) for _ in range(2)]
    (desk.settings.import_dir / paths[0].rpartition("/")[2] / "import.json").write_text('{"id": 3')
    assert admin.get(paths[0]).status_code == 404
    assert paths[1] in page(admin, "/gallery/imports")


def test_an_interrupted_build_is_told_and_continues(admin: FlaskClient, desk: Services) -> None:
    """The process died: its lock is free while the state says that it works."""
    path = uploaded(admin, {**faces(3), "faces/labels.csv": labelled(3)})
    import_id = path.rpartition("/")[2]
    desk.import_spool.set_state(import_id, ImportState("building", done=1, total=3))
    assert "Processing stopped before it had finished" in page(admin, path)
    with desk.import_spool.held(import_id):  # a process is at work
        html = page(admin, path)
        assert "1 of 3 photos done, 2 left" in html
        assert admin.post(f"{path}/build").status_code == 409
    admin.post(f"{path}/build")
    assert "The index is built" in page(admin, path)


def test_uploads_are_limited_in_number_and_photos(
    admin: FlaskClient, desk: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond either limit nothing is stored."""
    monkeypatch.setattr(import_faces, "MOST_PHOTOS", 2)
    response = upload(admin, [(zipped({**faces(3), "labels.csv": labelled(3)}), "a.zip")])
    assert (response.status_code, "more than 2 photos" in response.text) == (413, True)
    for _ in range(import_faces.MOST_UNFINISHED):
        desk.imports.begin("mine", "0" * 32)
    response = admin.post("/gallery/imports/empty", data={"single_name": "mine"})
    assert (response.status_code, "unfinished uploads" in response.text) == (413, True)


def test_a_full_disk_is_told(site: Settings, tmp_path: Path) -> None:
    """The reserve for records is not touched."""
    settings = site.model_copy(update={"import_dir": tmp_path / "imports", "disk_reserve_bytes": 10**15})
    app = create_app(settings)
    response = upload(signed_in(app, "admin"), [(drawn_photo(1), "a.jpg")], b"file,age\na.jpg,3\n")
    assert (response.status_code, "MB for records" in response.text) == (503, True)


def test_an_upload_larger_than_the_limit_is_refused(site: Settings, tmp_path: Path) -> None:
    """By its stated length, before it is read."""
    settings = site.model_copy(update={"import_dir": tmp_path / "imports", "max_batch_bytes": 1_000})
    response = upload(signed_in(create_app(settings), "admin"), [(bytes(5_000), "a.jpg")], b"file,age\n")
    assert (response.status_code, "The upload is larger than" in response.text) == (413, True)


def test_uploads_are_deleted_by_hand_and_in_time(admin: FlaskClient, desk: Services) -> None:
    """Only with the box ticked; unused ones go after the days of the setting."""
    path = uploaded(admin, {**faces(1), "faces/labels.csv": labelled(1)})
    assert admin.post(f"{path}/deletion").status_code == 422
    assert admin.post(f"{path}/deletion", data={"confirmed": "1"}).status_code == 303
    assert admin.get(path).status_code == 404
    desk.imports.begin("mine", "0" * 32)
    keep = timedelta(days=desk.settings.import_days)
    desk.import_spool.sweep(desk.now() + keep - timedelta(hours=1), keep)
    assert len(desk.import_spool.all()) == 1
    desk.import_spool.sweep(desk.now() + keep + timedelta(hours=1), keep)
    assert desk.import_spool.all() == []


def test_file_names_never_become_paths(admin: FlaskClient, desk: Services) -> None:
    """Photos are stored by number, whatever the client calls them."""
    labels = b"file,age\nevil name.jpg,30\n"
    response = upload(admin, [(drawn_photo(1), "../../evil name.jpg")], labels)
    assert response.status_code == 303, response.text
    names = {path.name for path in desk.settings.import_dir.rglob("*") if path.is_file()}
    assert not any("evil" in name for name in names)
    assert "000000" in names


def test_auditors_look_and_do_not_change(app: Flask, admin: FlaskClient) -> None:
    """They see the findings without any form; underwriters do not see uploads."""
    path = uploaded(admin, {**faces(2), "faces/labels.csv": labelled(2)})
    html = page(signed_in(app, "auditor"), path)
    assert "2</strong> usable" in html
    assert f'action="{path}' not in html
    assert "Uploads" in page(signed_in(app, "auditor"), "/gallery")
    assert "/gallery/imports" not in page(signed_in(app, "underwriter"), "/gallery")
    assert signed_in(app, "underwriter").get(path).status_code == 403
