"""Replay, faces and erasure as programs ask for them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simsvc.settings import Settings
from simsvc.web.app import create_app
from tests.simsvc.web.programs import program
from tests.small_site import drawn_photo, make_small_site

V1 = "/api/v1"
PHOTO = drawn_photo(5000)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """Return an installation of its own: faces are changed here."""
    settings: Settings = make_small_site(tmp_path, faces=15)
    app = create_app(settings)
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return program(app)


def photo(data: bytes = PHOTO) -> dict[str, object]:
    return {"photo": (io.BytesIO(data), "me.jpg")}


def judged(client: FlaskClient, data: bytes = PHOTO) -> str:
    response = client.post(f"{V1}/estimates", data={**photo(data), "case": "K-1"})
    return str(response.get_json()["id"])


def test_a_replay_agrees(client: FlaskClient) -> None:
    """With the photo again everything agrees; figures stand side by side, the tolerance is stated."""
    made = judged(client)
    answer = client.post(f"{V1}/estimates/{made}/replay", data=photo())
    said = answer.get_json()
    assert (answer.status_code, said["agrees"], said["differences"]) == (200, True, [])
    assert said["recorded"] == said["replayed"]
    assert said["tolerance"]["age_years"] == 0.01


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": {"photo": (io.BytesIO(drawn_photo(5001)), "me.jpg")}}, 422, "photo_differs"),
        ({}, 409, "photo_not_kept"),
        ({"json": {}}, 415, "not_multipart"),
        ({"data": {"photo": (io.BytesIO(b"x"), "a"), "more": "1"}}, 422, "input_refused"),
    ],
)
def test_a_replay_without_its_photo_is_a_problem(
    client: FlaskClient, sent: dict[str, object], status: int, code: str
) -> None:
    """Another photo, none, another body: a problem with a code, never a result."""
    answer = client.post(f"{V1}/estimates/{judged(client)}/replay", **sent)  # type: ignore[arg-type]  # of werkzeug's
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_parts_without_a_name_are_unknown_fields(client: FlaskClient) -> None:
    """A form whose parts are called nothing, and something, is refused as for any other unknown field."""
    parts = (
        "",
        "Content-Disposition: form-data\r\n\r\na",
        'Content-Disposition: form-data; name="b"\r\n\r\nb',
    )
    body = "\r\n--x\r\n".join(parts).lstrip() + "\r\n--x--\r\n"
    answer = client.post(
        f"{V1}/estimates/{judged(client)}/replay", data=body, content_type="multipart/form-data; boundary=x"
    )
    assert (answer.status_code, answer.get_json()["code"]) == (422, "input_refused")


def test_a_replay_of_a_retired_build_is_gone(app: Flask, client: FlaskClient) -> None:
    """The index build that is gone is named by its code."""
    made, desk = judged(client), app.extensions["simsvc"]
    desk.shelf.set_aside(desk.shelf.current())
    answer = client.post(f"{V1}/estimates/{made}/replay", data=photo())
    assert (answer.status_code, answer.get_json()["code"]) == (410, "build_gone")


def add(client: FlaskClient) -> TestResponse:
    return client.post(f"{V1}/faces", data={**photo(), "age_years": "61", "source": "clinic"})


def sentence(client: FlaskClient) -> str:
    """Return what a new estimate of the same photo says of its own face."""
    return str(client.get(f"{V1}/estimates/{judged(client)}").get_json()["sentence"])


def test_a_face_is_added(client: FlaskClient) -> None:
    """The next estimate says of its own photo that it is among the faces."""
    answer = add(client)
    face = answer.get_json()
    assert (answer.status_code, face["age_years"], face["reference"]) == (201, 61, "me.jpg")
    assert "(known age 61)" in sentence(client)


def test_a_face_is_relabelled(client: FlaskClient) -> None:
    """The answer is the face as it was; the next estimate has the new age."""
    face_id = add(client).get_json()["face_id"]
    assert client.post(f"{V1}/faces/{face_id}/label", json={"age_years": 62}).get_json()["age_years"] == 61
    assert "(known age 62)" in sentence(client)


def test_a_face_is_removed_for_good(client: FlaskClient) -> None:
    """It is in no further estimate, and can be neither removed nor added again."""
    url = f"{V1}/faces/{add(client).get_json()['face_id']}/removal"
    assert client.post(url).status_code == 200
    assert "(known age 61)" not in sentence(client)
    assert client.post(url).get_json()["code"] == "face_not_found"
    again = add(client)
    assert (again.status_code, again.get_json()["code"]) == (422, "faces_refused")


@pytest.mark.parametrize(
    "form", [{}, {"age_years": "131", "source": "a"}, {"age_years": "1", "source": "A/"}]
)
def test_a_face_without_a_label_is_refused(client: FlaskClient, form: dict[str, str]) -> None:
    """What is missing or cannot be used is named."""
    answer = client.post(f"{V1}/faces", data={**photo(), **form})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "input_refused")


def test_an_estimate_is_erased(client: FlaskClient) -> None:
    """The receipt counts it, and its id says that it was erased."""
    made = judged(client)
    assert client.post(f"{V1}/estimates/{made}/erasure").get_json()["counts"]["records"] == 1
    answer = client.get(f"{V1}/estimates/{made}")
    assert (answer.status_code, answer.get_json()["code"]) == (410, "estimate_erased")


def test_a_case_is_erased(client: FlaskClient) -> None:
    """The receipt counts its crops; asked again, there is no such case."""
    judged(client)
    assert client.post(f"{V1}/cases/erasure", json={"case": "K-1"}).get_json()["counts"]["crops"] == 1
    assert client.post(f"{V1}/cases/erasure", json={"case": "K-1"}).status_code == 404


def test_a_face_is_erased(client: FlaskClient) -> None:
    """The receipt names the builds whose files hold it, and it is in no further estimate."""
    near = client.get(f"{V1}/estimates/{judged(client)}").get_json()["neighbours"][0]["face_id"]
    assert len(client.post(f"{V1}/faces/{near}/erasure").get_json()["builds"]) == 1
    made = client.get(f"{V1}/estimates/{judged(client)}").get_json()
    assert near not in {each["face_id"] for each in made["neighbours"]}


def test_log_and_exports_outlive_erasures(client: FlaskClient) -> None:
    """After an erasure the log fits and estimates are exported."""
    client.post(f"{V1}/estimates/{judged(client)}/erasure")
    assert client.get(f"{V1}/audit/verify").get_json()["fits"]
    assert client.get(f"{V1}/exports/estimates", buffered=True).status_code == 200
