from __future__ import annotations

import io
import shutil
import zipfile

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.traffic.admission import QUEUES, AdmissionQueue, register
from simsvc.web.traffic.body_size import MOST_PARTS, MOST_TEXT_BYTES
from simsvc.web.traffic.rate_limits import photos_sent
from simsvc.web.traffic.work import HEAT_MAP_PHOTOS, WORK, of_work
from tests.bench.routes import LAST, calls, filled, timed
from tests.databases import sqlite_database
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

MOST_RECORD_PAGES = 5
"""Processor time of a light route, as a multiple of a record's page: the longest list takes 3."""
ADDRESSES = {
    "public_id": "0" * 32,
    "index_name": "demo",
    "build_id": "b-000000000000",
    "face_id": "f",
    "batch_id": "0" * 32,
    "import_id": "0" * 32,
    "position": "0",
    "reference": "F-1",
    "rank": "1",
    "name": "none",
    "sha256": "0" * 64,
    "token": "none",
    "token_id": "0" * 32,
    "referral_id": "0" * 32,
    "step": "take",
    "user_id": "0" * 32,
    "filename": "simsvc.css",
    "form": "csv",
    "number": "1",
}
COSTLY = [endpoint for endpoint, work in WORK.items() if work != "light"]


def request_to(app: Flask, endpoint: str, headers: dict[str, str] | None = None) -> int:
    """Send an empty request to an endpoint, as somebody who may, and return the status."""
    rule = next(each for each in app.url_map.iter_rules() if each.endpoint == endpoint)
    with app.test_request_context():
        path = app.url_for(endpoint, **{name: ADDRESSES[name] for name in rule.arguments})
    method = "GET" if "GET" in (rule.methods or ()) else "POST"
    client: FlaskClient = app.test_client() if path.startswith("/api/") else signed_in(app, "admin")
    kinds = {"content_type": "application/json", "data": "{}"} if "/api/" in path and method == "POST" else {}
    return client.open(path, method=method, headers=headers or bearer(app), **kinds).status_code


def test_every_route_is_classed(app: Flask) -> None:
    """A route that is added without an answer to what work it is fails here."""
    assert set(WORK) == {rule.endpoint for rule in app.url_map.iter_rules()}
    assert {work for work in WORK.values() if work != "light"} == set(QUEUES)


def test_routes_that_are_called_light_are_light(
    site: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On a database with hundreds of records each of them costs some pages of a record at most."""
    folder = tmp_path_factory.mktemp("light")
    shutil.copytree(site.index_root, folder / "indexes")  # one of the routes removes a face
    app, values = filled(
        site.model_copy(
            update={
                "api_rate": "9000000 per minute",
                "batch_dir": folder / "batches",
                "index_root": folder / "indexes",
                "database_url": sqlite_database(folder / "simsvc.sqlite3"),
                "log_key_file": folder / "log-key.pem",
            }
        ),
        records=300,
    )
    every = calls(app, values, drawn_photo(3))
    record_ms = min(timed(every["pages.show"].usual)[1] for _ in range(5))
    slow = {}
    for endpoint in sorted(of_work("light"), key=LAST.__contains__):
        status, spent_ms = timed(every[endpoint].usual)
        assert status < 500, endpoint
        pages = min(spent_ms, *(timed(every[endpoint].usual)[1] for _ in range(2))) / record_ms
        if pages > MOST_RECORD_PAGES:
            slow[endpoint] = pages
    app.extensions["simsvc"].database.close()
    assert slow == {}


@pytest.mark.parametrize("endpoint", COSTLY)
def test_costly_routes_take_turns(own_app: Flask, endpoint: str) -> None:
    """With no place free each of them is told to come back, and the others are not."""
    register(own_app, AdmissionQueue(at_once=0, waiting=0))
    assert request_to(own_app, endpoint) == 503
    assert own_app.test_client().get("/healthz").status_code == 200


@pytest.mark.parametrize("endpoint", [*of_work("judging", "taking_in", "walking")])
def test_costly_routes_count_in_rates(site: Settings, endpoint: str) -> None:
    """The second one within the window is refused."""
    app = create_app(site.model_copy(update={"upload_rate": "1 per hour", "api_rate": "1 per hour"}))
    headers = bearer(app)
    statuses = [request_to(app, endpoint, headers) for _ in range(2)]
    assert statuses[0] != 429
    assert statuses[1] == 429
    app.extensions["simsvc"].database.close()


def zip_of(count: int, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n in range(count):
            archive.writestr(f"{n}.jpg", b"x")
        archive.comment = comment
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ([b"x"], 1),
        ([b"x"] * 5, 5),
        ([], 1),
        ([zip_of(7)], 7),
        ([zip_of(7, b"PK no end"), b"x", zip_of(2)], 10),
        ([zip_of(0)], 1),
        ([b"PK\x03\x04 cut off"], 1),
    ],
)
def test_photos_of_a_batch_count_by_the_piece(app: Flask, files: list[bytes], count: int) -> None:
    """Photos and what is packed in ZIPs cost as much of the rate as one by one."""
    form = {"photos": [(io.BytesIO(data), f"{n}") for n, data in enumerate(files)]}
    with app.test_request_context("/batches", method="POST", data=form):
        assert photos_sent() == count


@pytest.mark.parametrize(
    "form",
    [
        {"photo": [(io.BytesIO(b"x"), f"{n}.jpg") for n in range(MOST_PARTS + 1)]},
        {"photo": (io.BytesIO(b"x"), "a.jpg"), "case": "C" * (MOST_TEXT_BYTES + 1)},
    ],
    ids=["too many parts", "too much text"],
)
def test_a_form_that_is_too_large_is_named_and_counted(site: Settings, form: dict[str, object]) -> None:
    """It is answered 413 by its true cause, and the next request finds the rate used."""
    app = create_app(site.model_copy(update={"api_rate": "1 per hour"}))
    client, headers = app.test_client(), bearer(app)
    first = client.post("/api/v1/estimate-batches", data=form, headers=headers)
    assert (first.status_code, first.get_json()["code"]) == (413, "request_entity_too_large")
    assert client.get("/api/v1/indexes", headers=headers).status_code == 429


def test_a_heat_map_counts_for_what_it_costs(app: Flask) -> None:
    """It is as many photos of the rate as it takes the time of."""
    with app.test_request_context(f"/estimates/{'0' * 32}/saliency.png"):
        assert photos_sent() == HEAT_MAP_PHOTOS


def test_photos_count_whatever_way_they_come(site: Settings) -> None:
    """A batch leaves fewer photos for other requests of its account; one above the rate takes all of it."""
    app = create_app(site.model_copy(update={"upload_rate": "10 per hour"}))
    client = signed_in(app)
    form = {"photos": [(io.BytesIO(drawn_photo(n)), f"{n}.jpg") for n in range(8)]}
    assert client.post("/batches", data=form).status_code == 303
    assert client.post("/crop", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")}).status_code == 200
    again = {"photos": [(io.BytesIO(drawn_photo(n)), f"{n}.jpg") for n in range(8)]}
    refused = client.post("/batches", data=again)
    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    other = signed_in(app, "admin")
    many = {"photos": [(io.BytesIO(drawn_photo(n)), f"{n}.jpg") for n in range(12)]}
    assert other.post("/batches", data=many).status_code == 303
    app.extensions["simsvc"].database.close()


def test_an_export_holds_its_turn_until_it_is_sent(own_app: Flask) -> None:
    """A second one is refused while the first is being read, and comes in when its reader has gone."""
    register(own_app, AdmissionQueue(at_once=1, waiting=0))
    headers = bearer(own_app)

    def status() -> int:
        events = own_app.test_client().get("/api/v1/exports/events", headers=headers, buffered=True)
        return events.status_code

    first = own_app.test_client().get("/api/v1/exports/events", headers=headers, buffered=False)
    assert next(first.iter_encoded())
    assert (
        own_app.test_client().get("/api/v1/exports/events", headers=headers, buffered=True).status_code == 503
    )
    first.close()
    assert (
        own_app.test_client().get("/api/v1/exports/events", headers=headers, buffered=True).status_code == 200
    )
