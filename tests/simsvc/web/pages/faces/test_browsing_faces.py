"""Browsing the reference faces in service, correcting their labels and removing them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.domain.gallery.labelled_faces import LabelledPhoto, LabelledSource
from simsvc.settings import Settings
from simsvc.values.filtering import FaceQuery, ListedFace
from simsvc.web.app import create_app
from simsvc.wiring.labelled_faces import live_faces_in_service
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

AGE = re.compile(r'face-age">(\d+) year')
RESIDUAL = re.compile(r"\([^\d)](\d+)\)</span>")


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return a service with an index folder and a database of its own."""
    database_url = sqlite_database(tmp_path / "own.sqlite3")
    settings = site.model_copy(update={"index_root": tmp_path / "indexes", "database_url": database_url})
    shutil.copytree(site.index_root, settings.index_root)
    app = create_app(settings)
    services: Services = app.extensions["simsvc"]
    services.switcher().use(str(services.shelf.current()))
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, "admin")


def page(client: FlaskClient, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    checked(response.text)
    return response.text


def some_face(desk: Services, at: int = 3) -> ListedFace:
    return desk.face_lister(str(desk.shelf.current())).page(FaceQuery(), at, 1).faces[0]


def events(desk: Services) -> list[tuple[str, str, dict[str, object]]]:
    with desk.log.snapshot() as snapshot:
        return [
            (entry.event.actor, entry.event.subject, json.loads(entry.content or "{}"))
            for entry in snapshot.after(0)
            if entry.event.kind == "face"
        ]


def test_faces_are_filtered_and_sorted(client: FlaskClient) -> None:
    """By age, and by the distance of label and estimate, the largest first; wrong ages are told."""
    ages = [int(age) for age in AGE.findall(page(client, "/gallery?from=20&to=50"))]
    assert ages == sorted(ages)
    assert len(ages) == 10
    assert all(20 <= age <= 50 for age in ages)
    apart = [int(years) for years in RESIDUAL.findall(page(client, "/gallery?sort=residual"))]
    assert apart == sorted(apart, reverse=True)
    assert len(apart) == 30
    assert "0 faces" in page(client, "/gallery?source=none")
    wrong = client.get("/gallery?from=old&sort=none")
    assert wrong.status_code == 422
    assert "Enter ages as numbers" in wrong.text
    assert 'value="old"' in wrong.text


def test_photos_of_a_person_are_found_by_name_and_by_link(
    app: Flask, desk: Services, admin: FlaskClient, tmp_path: Path
) -> None:
    """Added faces are listed with their person, and say when they were added."""
    photos = []
    for number, person in enumerate(("anna", "anna", "ben")):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(drawn_photo(800 + number))
        photos.append(LabelledPhoto(path, path.name, 40.0 + number, person))
    source = LabelledSource("clinic", aligned=False, photos=tuple(photos))
    with app.app_context():
        added = live_faces_in_service(desk).add(source, "command", lambda _done, _total: None)
    assert AGE.findall(page(admin, "/gallery?person=anna")) == ["40", "41"]
    html = page(admin, f"/gallery/faces/{added.faces[0].face_id}")
    link = re.search(r'href="(/gallery\?person=p[0-9a-f]{16})"', html)
    assert link
    assert AGE.findall(page(admin, link[1])) == ["40", "41"]
    assert "after the build" in html
    assert "not recorded" not in html


def test_a_label_is_corrected_with_a_reason(desk: Services, admin: FlaskClient) -> None:
    """Estimates use the new label; the event has the reason and both ages, and the page shows it."""
    one = some_face(desk)
    path = f"/gallery/faces/{one.face.face_id}"
    sent = {"age": "77.5", "label_reason": "birth certificate", "label_confirmed": "1"}
    for missing, words in (
        ("age", "Ages must be"),
        ("label_reason", "Enter a reason"),
        ("label_confirmed", "tick"),
    ):
        refused = admin.post(f"{path}/label", data={**sent, missing: ""})
        assert (refused.status_code, words in refused.text) == (422, True)
        assert missing == "label_reason" or "birth certificate" in refused.text
    assert admin.post(f"{path}/label", data=sent).status_code == 303
    assert some_face(desk, 0).face.face_id  # the list still opens
    actor, subject, content = events(desk)[-1]
    assert actor.startswith("user:")
    assert subject == f"face:{one.face.face_id}"
    assert content["reason"] == "birth certificate"
    assert (content["previous_age_years"], content["age_years"]) == (one.face.age_years, 77.5)
    html = page(admin, path)
    assert "birth certificate" in html
    assert re.search(r">\s*77\.5<", html)


def test_a_face_is_removed_with_a_reason(desk: Services, admin: FlaskClient) -> None:
    """It is in no list any more; its page is gone; the event has the reason."""
    one = some_face(desk)
    path = f"/gallery/faces/{one.face.face_id}"
    assert admin.post(f"{path}/removal", data={"removal_reason": "no consent"}).status_code == 422
    sent = {"removal_reason": "no consent", "removal_confirmed": "1"}
    assert admin.post(f"{path}/removal", data=sent).status_code == 303
    assert one.face.face_id not in page(admin, "/gallery")
    assert admin.get(path).status_code == 404
    assert events(desk)[-1][2]["reason"] == "no consent"
    assert desk.pipeline().index().count == 29


def test_who_may_not_change_is_offered_nothing(app: Flask, desk: Services) -> None:
    """Underwriters and auditors see the face without a form."""
    path = f"/gallery/faces/{some_face(desk).face.face_id}"
    for role in ("underwriter", "auditor"):
        html = page(signed_in(app, role), path)  # type: ignore[arg-type]  # a role by its name
        assert "Known age" in html
        assert 'action="/gallery' not in html
