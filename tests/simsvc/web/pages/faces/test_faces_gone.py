"""Reference faces whose pictures are gone, and the page of all of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.files.gallery import OFFSETS, THUMBNAILS
from simsvc.adapters.photos.sources import read_source
from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.wiring.erasure import eraser
from simsvc.wiring.retirement import retire_build
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import Linked, upload
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import build_index, draw_gallery, drawn_photo, make_small_site


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return make_small_site(tmp_path, faces=15)


def served(site: Settings) -> Iterator[Flask]:
    app = create_app(site)
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def app(site: Settings) -> Iterator[Flask]:
    yield from served(site)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return signed_in(app)


def build_of(site: Settings) -> Path:
    return next(path for path in (site.index_root / "demo").iterdir() if path.name.startswith("b-"))


def another_build(site: Settings, folder: Path, name: str = "own", faces: int = 70) -> str:
    """Build an index of faces of a source called "folder" and put it into service."""
    label = build_index(site, read_source("folder", draw_gallery(folder, faces)), name).label
    IndexStore(site.index_root).switch(label)
    return label


def seen(client: FlaskClient, path: str) -> str:
    """Return a page, once every picture on it is known to load."""
    response = client.get(path)
    assert response.status_code == 200
    for link in Linked(response.text).links:
        if link.endswith((".jpg", ".png")):
            picture = client.get(link)
            assert picture.status_code == 200, link
            assert picture.data.startswith((b"\xff\xd8", b"\x89PNG")), link
    return response.text


def retired(site: Settings, desk: Services) -> None:
    label = f"demo/{build_of(site).name}"
    another_build(site, site.gallery_dir.parent / "own", faces=15)
    retire_build(desk, label, "command", force=True)


def removed(site: Settings, desk: Services) -> None:
    del desk
    shutil.rmtree(build_of(site))


def zeroed(site: Settings, desk: Services) -> None:
    del desk
    path = build_of(site) / THUMBNAILS
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


GONE = pytest.mark.parametrize(
    ("happen", "words"),
    [(retired, "no longer exists"), (removed, "no longer exists"), (zeroed, "their picture is damaged")],
)


def all_faces(html: str) -> str:
    """Return the part of a result page that shows all its faces; the nearest are on its first screen, too."""
    return html.partition('<ol class="faces">')[2].partition("</ol>")[0]


@GONE
def test_faces_without_pictures_are_told(
    site: Settings,
    desk: Services,
    client: FlaskClient,
    happen: Callable[[Settings, Services], None],
    words: str,
) -> None:
    """No broken picture: a sentence says why, ages, similarities and names stay."""
    path = upload(client, drawn_photo())
    before = seen(client, path)
    happen(site, desk)
    after = seen(client, path)
    assert words in after
    assert words not in before
    assert all_faces(after).count("No picture") == 12
    assert "/faces/demo" not in after
    for kept in (r'face-age">(\d+ years?)<', r"similarity (\d\.\d\d)</span>"):
        assert re.findall(kept, after) == re.findall(kept, before)
    assert len(re.findall(r'face-source">demo, \d{3}\.jpg<', after)) == 12


@GONE
def test_a_face_without_a_picture_is_told_side_by_side(
    site: Settings,
    desk: Services,
    client: FlaskClient,
    happen: Callable[[Settings, Services], None],
    words: str,
) -> None:
    """The page of two faces has the same sentence."""
    path = upload(client, drawn_photo())
    happen(site, desk)
    beside = seen(client, f"{path}/faces/1")
    assert words in beside
    assert "No picture" in beside


def test_a_damaged_build_is_told(site: Settings, client: FlaskClient) -> None:
    """A build whose files disagree shows no picture, and says that it is damaged."""
    path = upload(client, drawn_photo())
    (build_of(site) / OFFSETS).unlink()
    for app in served(site):  # a worker that has not opened it yet
        html = seen(signed_in(app), path)
        assert "is damaged" in html
        assert all_faces(html).count("No picture") == 12


def test_an_erased_face_leaves_the_others_their_pictures(
    site: Settings, desk: Services, client: FlaskClient
) -> None:
    """One of twelve is erased: eleven pictures, and the twelfth says so."""
    del site
    path = upload(client, drawn_photo())
    near = desk.estimates.find(path.rpartition("/")[2]).estimate.neighbours[4]
    eraser(desk).face(near.face_id, "command")
    html = seen(client, path)
    assert len(re.findall(r'<img src="/faces/demo', all_faces(html))) == 11
    assert all_faces(html).count("No picture") == 1
    assert ">erased<" in html
    assert "Faces without a picture have been erased" in html
    assert near.face_id not in seen(client, "/gallery")


def test_the_page_of_faces_shows_those_in_service(site: Settings, tmp_path: Path) -> None:
    """Own faces are shown by age, page by page, with their thumbnails, to every role."""
    label = another_build(site, tmp_path / "own")
    for app in served(site):
        for role in ("underwriter", "auditor", "admin"):
            client = signed_in(app, role)  # type: ignore[arg-type]  # a role by its name
            pages = [seen(client, f"/gallery?page={page}") for page in (1, 2)]
            ages = [int(age) for html in pages for age in re.findall(r'face-age">(\d+) year', html)]
            assert ages == sorted(ages)
            assert len(ages) == app.extensions["simsvc"].pipeline().index().count
            assert [html.count("<img") for html in pages] == [60, len(ages) - 60]
            assert f'<img src="/faces/{label}/' in pages[0]
        assert 'href="/gallery?page=2"' in pages[0]
        assert client.get("/gallery?page=99").text.count("<img") == len(ages) - 60
        assert signed_in(app).get("/gallery?page=x").status_code == 200


def test_damaged_thumbnails_are_not_shown_as_broken_pictures(site: Settings, client: FlaskClient) -> None:
    """The page of faces keeps the ages and says that there is no picture."""
    client.get("/gallery")
    zeroed(site, None)  # type: ignore[arg-type]  # it needs no services
    html = seen(client, "/gallery")
    assert html.count("No picture") == 15
    assert len(re.findall(r'face-age">', html)) == 15
