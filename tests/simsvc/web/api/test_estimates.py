from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from simsvc.settings import Settings
from simsvc.web.app import create_app
from tests.drawn_faces import draw_face
from tests.simsvc.web.helpers import STEPS
from tests.simsvc.web.programs import program
from tests.small_site import FACES, drawn_photo

URL = "/api/v1/estimates"
KEYS = [
    "id",
    "number",
    "created_at",
    "asked_by",
    "case",
    "birth_date",
    "photo_date",
    "photo",
    "photo_sha256",
    "status",
    "code",
    "sentence",
    "age_years",
    "raw_age_years",
    "interval_years",
    "coverage",
    "calibration",
    "refer",
    "refer_reason",
    "evidence",
    "support",
    "neighbours",
    "flags",
    "quality",
    "model",
    "model_sha256",
    "index",
    "engine",
    "age_prior",
    "doubt",
    "ms",
]


def send(client: FlaskClient, data: bytes, name: str = "me.jpg") -> TestResponse:
    return client.post(URL, data={"photo": (io.BytesIO(data), name)})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a program's client; the desk's browser is not needed here."""
    return program(app, "estimate")


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_face_gives_the_whole_estimate_object(client: FlaskClient, site: Settings) -> None:
    """A drawn face is answered 201 with every key of the estimate object, in order."""
    photo = drawn_photo()
    response = send(client, photo)
    answer = response.get_json()
    assert response.status_code == 201
    assert list(answer) == KEYS
    assert answer["status"] == "estimated"
    assert answer["photo_sha256"] == hashlib.sha256(photo).hexdigest()
    assert 0 <= answer["age_years"] <= 120
    assert len(answer["neighbours"]) == site.neighbours
    assert list(answer["ms"]) == STEPS


def test_neighbours_come_most_alike_first(client: FlaskClient) -> None:
    """Similarities descend, and no face comes twice."""
    neighbours = send(client, drawn_photo()).get_json()["neighbours"]
    similarities = [near["similarity"] for near in neighbours]
    assert similarities == sorted(similarities, reverse=True)
    assert len({near["face_id"] for near in neighbours}) == len(neighbours)


def test_a_photo_of_the_gallery_is_no_evidence_for_itself(client: FlaskClient, site: Settings) -> None:
    """The photo that a labelled face came from is recognized, named with its label, and left out."""
    answer = send(client, (site.gallery_dir / "007.jpg").read_bytes()).get_json()
    label = 1 + 7 * 89 // (FACES - 1)
    assert f"is itself a reference face (known age {label}), so it was left out" in answer["sentence"]
    assert "photo_in_gallery" in answer["flags"]
    assert answer["neighbours"][0]["similarity"] < 0.99


def test_what_was_answered_can_be_fetched_again(client: FlaskClient) -> None:
    """GET on the Location gives the object that POST gave."""
    created = send(client, drawn_photo())
    again = client.get(created.headers["Location"])
    assert again.status_code == 200
    assert again.get_json() == created.get_json()


def test_the_photo_itself_is_not_kept(client: FlaskClient, site: Settings) -> None:
    """Nothing under the installation holds the uploaded bytes afterwards."""
    photo = drawn_photo(2024)
    assert send(client, photo).status_code == 201
    middle = photo[len(photo) // 2 : len(photo) // 2 + 200]
    files = [path for path in site.index_root.parent.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if middle in path.read_bytes()]


def test_a_refusal_is_an_answer_on_record(client: FlaskClient) -> None:
    """A photo without a face is answered with the same object, and is on record."""
    refused = send(client, png(Image.new("RGB", (300, 300), "grey")))
    answer = refused.get_json()
    assert refused.status_code == 201
    assert (answer["status"], answer["code"]) == ("refused", "no_face")
    assert answer["age_years"] is None
    assert answer["neighbours"] == []
    assert "from the front" in answer["sentence"]
    assert client.get(refused.headers["Location"]).get_json() == answer


def test_two_like_faces_are_refused(client: FlaskClient) -> None:
    """Two faces of one size side by side are several faces."""
    both = Image.new("RGB", (820, 400), "white")
    both.paste(draw_face(1, 400), (0, 0))
    both.paste(draw_face(2, 400), (420, 0))
    assert send(client, png(both)).get_json()["code"] == "several_faces"


def test_a_smaller_face_behind_is_flagged(client: FlaskClient) -> None:
    """A small second face does not stop the estimate, but is said."""
    both = Image.new("RGB", (800, 500), "white")
    both.paste(draw_face(1001, 500), (0, 0))
    both.paste(draw_face(2, 200), (560, 50))
    answer = send(client, png(both)).get_json()
    assert answer["status"] == "estimated"
    assert answer["flags"] == ["other_faces_behind"]


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty_photo"), (b"hello", "not_an_image"), (b"%PDF-1.7", "unsupported_format")]
)
def test_bytes_that_are_no_photo_are_refused_by_code(client: FlaskClient, data: bytes, code: str) -> None:
    """Each kind of bad bytes has its own code."""
    answer = send(client, data).get_json()
    assert (answer["status"], answer["code"]) == ("refused", code)


def test_a_photo_just_over_the_limit_is_refused(site: Settings) -> None:
    """A photo over the limit that still fits the request is refused, on record."""
    client = program(create_app(site.model_copy(update={"max_upload_bytes": 2_000})))
    response = send(client, b"x" * 2_001)
    assert response.status_code == 201
    assert response.get_json()["code"] == "photo_too_many_bytes"
    assert response.get_json()["id"]


def test_a_request_over_the_limit_is_413(site: Settings) -> None:
    """A request over the limit is answered with the typed problem, without being parsed."""
    client = program(create_app(site.model_copy(update={"max_upload_bytes": 2_000})))
    response = send(client, b"x" * 200_000)
    assert response.status_code == 413
    assert response.get_json()["code"] == "photo_too_many_bytes"


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded"])
def test_a_body_that_is_no_form_and_no_photo_is_415(client: FlaskClient, kind: str) -> None:
    """A body of another type is refused with what to send instead, whatever its bytes are."""
    response = client.post(URL, data=drawn_photo(), content_type=kind)
    assert response.status_code == 415
    assert "multipart/form-data" in response.get_json()["detail"]
    assert "image/jpeg" in response.get_json()["detail"]


def send_bare(client: FlaskClient, data: bytes, path: str = URL, **more: Any) -> TestResponse:
    return client.post(path, data=data, content_type="image/jpeg", **more)


def test_a_body_that_is_the_photo_is_judged_like_a_form(client: FlaskClient) -> None:
    """The answer is the same but for what a form says beside the photo."""
    photo = drawn_photo()
    bare, form = send_bare(client, photo), send(client, photo)
    assert bare.status_code == 201
    assert client.get(bare.headers["Location"]).get_json() == bare.get_json()
    of_form = form.get_json() | {"photo": "photo"}
    own = {"id", "number", "created_at", "ms"}
    assert {key: value for key, value in bare.get_json().items() if key not in own} == {
        key: value for key, value in of_form.items() if key not in own
    }


@pytest.mark.parametrize(("data", "code"), [(b"", "empty_photo"), (b"%PDF-1.7", "unsupported_format")])
def test_a_bare_body_that_is_no_photo_is_refused_by_code(client: FlaskClient, data: bytes, code: str) -> None:
    """What the type says is not believed: refused, on record, with the codes of a form."""
    response = send_bare(client, data)
    assert response.status_code == 201
    assert (response.get_json()["status"], response.get_json()["code"]) == ("refused", code)


def test_a_bare_photo_has_the_limits_of_a_form(site: Settings) -> None:
    """Just over the limit it is refused on record; far over it, its length told or not, it gets 413."""
    client = program(create_app(site.model_copy(update={"max_upload_bytes": 2_000})))
    assert send_bare(client, b"x" * 2_001).get_json()["code"] == "photo_too_many_bytes"
    streamed = {"input_stream": io.BytesIO(b"x" * 200_000), "environ_base": {"wsgi.input_terminated": True}}
    for response in (
        send_bare(client, b"x" * 200_000),
        client.post(URL, content_type="image/jpeg", **streamed),
    ):
        assert response.status_code == 413
        assert response.get_json()["code"] == "photo_too_many_bytes"


def test_a_bare_photo_needs_a_token_and_takes_a_key(app: Flask, client: FlaskClient) -> None:
    """Without a token it is not read; with an Idempotency-Key it is judged once."""
    photo = drawn_photo(7)
    assert send_bare(app.test_client(), photo).status_code == 401
    first, again, other = (
        send_bare(client, data, headers={"Idempotency-Key": "bare-7"})
        for data in (photo, photo, drawn_photo(8))
    )
    assert again.get_json()["id"] == first.get_json()["id"]
    assert other.get_json()["code"] == "key_reused"


@pytest.mark.parametrize("path", ["/api/v1/estimate-batches", "/api/v1/faces"])
def test_what_needs_a_form_takes_no_bare_photo(app: Flask, path: str) -> None:
    """Where fields come with the photo, or several photos, only a form will do."""
    assert send_bare(program(app), drawn_photo(), path).get_json()["code"] == "not_multipart"


@pytest.mark.parametrize("field", ["photo", "picture"])
def test_a_form_without_a_file_is_400(client: FlaskClient, field: str) -> None:
    """A text field is no photo, whatever its name."""
    response = client.post(URL, data={field: "text"}, content_type="multipart/form-data")
    assert response.status_code == 400
    assert response.get_json()["code"] == "photo_missing"


def test_a_path_or_url_is_never_followed(client: FlaskClient, site: Settings) -> None:
    """A path given as text is not read from the server."""
    path = str(site.gallery_dir / "000.jpg")
    response = client.post(URL, data={"photo": path}, content_type="multipart/form-data")
    assert response.get_json()["code"] == "photo_missing"


def test_an_unknown_id_is_404(client: FlaskClient) -> None:
    """An id that was never given is not found, as JSON."""
    response = client.get(f"{URL}/{'0' * 32}")
    assert response.status_code == 404
    assert response.get_json()["code"] == "estimate_not_found"


def test_without_an_index_the_service_says_so(without_index: FlaskClient) -> None:
    """No index: 503 with the command that helps, and nothing on record."""
    response = send(program(without_index.application), drawn_photo())
    assert response.status_code == 503
    assert "flask index build" in response.get_json()["detail"]


def test_without_a_model_the_service_says_so(without_model: FlaskClient) -> None:
    """No model: 503 with its own code."""
    response = send(program(without_model.application), drawn_photo())
    assert (response.status_code, response.get_json()["code"]) == (503, "bundle_missing")


def test_without_tables_the_service_says_so(without_tables: FlaskClient) -> None:
    """A database that was never migrated: 503 with the command that helps."""
    without_tables.environ_base["HTTP_AUTHORIZATION"] = f"Bearer simsvc_{'0' * 12}_{'A' * 43}"
    response = send(without_tables, drawn_photo())
    assert response.status_code == 503
    assert "flask db upgrade" in response.get_json()["detail"]


def test_readiness_names_model_and_index(client: FlaskClient) -> None:
    """A worker that is ready says which model and index it answers with."""
    ready = client.get("/readyz").get_json()
    said = {part["part"]: part["sentence"] for part in ready["parts"]}
    assert ready["status"] == "ready"
    assert "tiny-0" in said["model"]
    assert f"{FACES} reference faces" in said["index"]


def test_a_worker_without_index_lives_and_is_not_ready(without_index: FlaskClient) -> None:
    """A worker without an index lives, is not ready, and says why to a program."""
    response = without_index.get("/readyz")
    assert response.status_code == 503
    wrong = {part["part"]: part["sentence"] for part in response.get_json()["parts"] if not part["well"]}
    assert list(wrong) == ["index"]
    assert "flask index build" in wrong["index"]
    assert without_index.get("/healthz").status_code == 200
