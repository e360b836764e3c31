"""Real photos and hostile files through the whole service; they lie beside the project, never in it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.simsvc.web.programs import program

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
MOST_MISSED = 0.02
"""Share of photos without a face that may be taken for one with a face."""

pytestmark = [pytest.mark.data, pytest.mark.slow]


def folder(name: str) -> Path:
    path = DATA / name
    if not path.is_dir():
        pytest.skip(f"../shared/data/{name} is not here")
    return path


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return program(app, "estimate")


def send(client: FlaskClient, photo: Path) -> TestResponse:
    data = {"photo": (io.BytesIO(photo.read_bytes()), photo.name)}
    return client.post("/api/v1/estimates", data=data)


@pytest.mark.proof
def test_no_hostile_file_breaks_the_service(client: FlaskClient) -> None:
    """Every hostile file is estimated or refused with a known code and a sentence: never 5xx."""
    outcomes: Counter[str] = Counter()
    for photo in sorted(path for path in folder("hostile").rglob("*") if path.is_file()):
        response = send(client, photo)
        answer = response.get_json()
        assert response.status_code == 201, photo
        assert answer["sentence"], photo
        outcomes[answer["code"] or "estimated"] += 1
    print(dict(outcomes.most_common()))  # noqa: T201 - shown by `pytest -s` or where the test fails
    assert {"estimated", "no_face", "not_an_image", "truncated_photo"} <= set(outcomes)
    assert client.get("/healthz").status_code == 200


def labelled(label: str) -> list[Path]:
    photos = folder("photos")
    with (photos / "labels.csv").open(newline="") as file:
        return [photos / row["file"] for row in csv.DictReader(file) if row["faces"] == label]


def test_photos_without_a_face_are_refused_as_such(client: FlaskClient) -> None:
    """At most 2% of the photos that show no face are answered with anything but no_face."""
    photos = labelled("none")
    missed = [photo.name for photo in photos if send(client, photo).get_json()["code"] != "no_face"]
    assert photos
    assert len(missed) <= MOST_MISSED * len(photos), missed


def test_photos_of_one_face_are_estimated(client: FlaskClient) -> None:
    """Every ordinary photo of one person gets an estimate."""
    photos = labelled("one")
    codes = {photo.name: send(client, photo).get_json()["code"] for photo in photos}
    assert photos
    assert {name: code for name, code in codes.items() if code} == {}


def test_photos_of_several_people_are_refused(client: FlaskClient) -> None:
    """No photo of several people is taken for a photo of one."""
    photos = labelled("several")
    codes = Counter(send(client, photo).get_json()["code"] for photo in photos)
    assert codes == {"several_faces": len(photos)}
