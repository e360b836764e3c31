"""Few reference faces, and builds with copies, as pages, paper and programs show them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from simsvc.adapters.photos.sources import read_source
from simsvc.settings import Settings
from simsvc.web.app import create_app
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import build_index, draw_gallery, drawn_photo


def served(site: Settings, folder: Path, faces: Path) -> Flask:
    """Return a service whose index holds the labelled faces of a folder."""
    settings = site.model_copy(update={"index_root": folder / "indexes"})
    build_index(settings, read_source("folder", faces), "few")
    return create_app(settings)


@pytest.fixture(params=[1, 3])
def few(request: pytest.FixtureRequest, site: Settings, tmp_path: Path) -> Iterator[tuple[Flask, int]]:
    app = served(site, tmp_path, draw_gallery(tmp_path / "faces", request.param))
    yield app, request.param
    app.extensions["simsvc"].database.close()


def test_few_faces_are_said_on_the_page_and_to_programs(few: tuple[Flask, int]) -> None:
    """The sentence has the right number, no mean is drawn, and the object has no evidence."""
    app, count = few
    headers = bearer(app, "estimate") | {"Content-Type": "image/jpeg"}
    made = app.test_client().post("/api/v1/estimates", data=drawn_photo(), headers=headers)
    answer = made.get_json()
    said = "only one reference face" if count == 1 else f"only {count} reference faces"
    assert said in answer["sentence"]
    assert (answer["evidence"], len(answer["neighbours"])) == (None, count)
    assert "few_reference_faces" in answer["flags"]
    html = signed_in(app, "auditor").get(f"/estimates/{answer['id']}").text
    checked(html)
    assert said in html
    assert "mean of these faces" not in html
    assert ("The most similar reference face" in html) is (count == 1)


def test_few_faces_are_said_in_chinese(few: tuple[Flask, int]) -> None:
    """Sentence and flag speak the visitor's language."""
    app, _ = few
    client = signed_in(app)
    place = client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "me.jpg")}).headers[
        "Location"
    ]
    html = client.get(place, headers={"Accept-Language": "zh"}).text
    assert "参考人脸" in html
    assert "too few" not in html
    assert "too little" not in html
    assert client.get(f"{place}/record.pdf", buffered=True).status_code == 200


def test_the_page_of_builds_lists_contradictory_labels(site: Settings, tmp_path: Path) -> None:
    """A photo that is there twice, labelled 20 years apart, is counted and named, to programs too."""
    folder = draw_gallery(tmp_path / "faces", 6)
    (folder / "again.jpg").write_bytes((folder / "000.jpg").read_bytes())
    with (folder / "labels.csv").open("a") as table:
        table.write("again.jpg,21\n")
    app = served(site, tmp_path, folder)
    html = signed_in(app, "auditor").get("/indexes").text
    checked(html)
    assert "1 photo has conflicting labels" in html
    assert "000.jpg (1), again.jpg (21)" in html
    label = app.extensions["simsvc"].shelf.current()
    answer = app.test_client().get(f"/api/v1/indexes/{label}", headers=bearer(app, "audit")).get_json()
    assert answer["near_duplicates"] == {"photos": 1, "faces": 1, "contradictory": 1}
    app.extensions["simsvc"].database.close()
