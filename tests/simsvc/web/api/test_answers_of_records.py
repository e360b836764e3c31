from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.simsvc.web.programs import program
from tests.small_site import FACES, drawn_photo

URL = "/api/v1/estimates"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return program(app)


def send(
    client: FlaskClient, data: bytes = b"", headers: dict[str, str] | None = None, **form: str
) -> TestResponse:
    sent = {"photo": (io.BytesIO(data or drawn_photo()), "me.jpg"), **form}
    return client.post(URL, data=sent, headers=headers or {})


def send_batch(
    client: FlaskClient, photos: list[bytes], headers: dict[str, str] | None = None
) -> TestResponse:
    sent = {"photo": [(io.BytesIO(data), f"{place}.jpg") for place, data in enumerate(photos)], "case": "B-1"}
    return client.post("/api/v1/estimate-batches", data=sent, headers=headers or {})


def numbers(client: FlaskClient) -> int:
    items: list[Any] = client.get(f"{URL}?limit=1").get_json()["items"]
    return int(items[0]["number"]) if items else 0


def test_what_is_declared_is_on_record(client: FlaskClient) -> None:
    """Case and dates come back, the program is named, and history's filters find the record."""
    form = {"case": "API-1", "birth_date": "1980-02-29", "photo_date": "2020-06-01"}
    answer = send(client, **form).get_json()
    assert {name: answer[name] for name in form} == form
    assert answer["asked_by"].startswith("token:")
    found = client.get(f"{URL}?case=API-1&status={'withheld' if answer['refer'] else 'estimated'}").get_json()
    assert [item["id"] for item in found["items"]] == [answer["id"]]
    assert "neighbours" not in found["items"][0]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"case": "a\\b"}, "case_refused"),
        ({"birth_date": "1980-02-30"}, "dates_refused"),
        ({"birth_date": "yesterday"}, "input_refused"),
        ({"photo_date": "2999-01-01"}, "dates_refused"),
        ({"colour": "blue"}, "input_refused"),
    ],
)
def test_a_form_that_cannot_be_used_is_422(client: FlaskClient, form: dict[str, str], code: str) -> None:
    """Wrong and unknown fields are refused by code, and nothing is on record."""
    before = numbers(client)
    response = send(client, b"x", **form)
    assert (response.status_code, response.get_json()["code"]) == (422, code)
    assert response.mimetype == "application/problem+json"
    assert numbers(client) == before


def test_a_batch_is_answered_in_its_order(client: FlaskClient) -> None:
    """Each photo has its estimate, refused ones too."""
    response = send_batch(client, [drawn_photo(3), b"junk", drawn_photo(4)])
    items = response.get_json()["items"]
    assert response.status_code == 201
    assert [item["status"] for item in items] == ["estimated", "refused", "estimated"]
    assert [item["photo"] for item in items] == ["0.jpg", "1.jpg", "2.jpg"]
    assert {item["case"] for item in items} == {"B-1"}


def test_a_batch_has_at_most_32_photos(client: FlaskClient) -> None:
    """32 are judged, 33 are refused before any is."""
    assert len(send_batch(client, [b"x"] * 32).get_json()["items"]) == 32
    before = numbers(client)
    response = send_batch(client, [b"x"] * 33)
    assert (response.status_code, response.get_json()["code"]) == (422, "photos_refused")
    assert numbers(client) == before


def test_one_photo_is_not_two(client: FlaskClient) -> None:
    """The route for one photo refuses two, and files under another name."""
    two = client.post(URL, data={"photo": [(io.BytesIO(b"x"), "a"), (io.BytesIO(b"y"), "b")]})
    other = client.post(URL, data={"photo": (io.BytesIO(b"x"), "a"), "second": (io.BytesIO(b"y"), "b")})
    assert [two.get_json()["code"], other.get_json()["code"]] == ["photos_refused", "input_refused"]


def test_the_same_key_makes_one_record(client: FlaskClient) -> None:
    """The same request with the same key gives the same answer; another request with it is refused."""
    key = {"Idempotency-Key": "3f0c9a52"}
    first = send(client, drawn_photo(5), key, case="K-1")
    again = send(client, drawn_photo(5), key, case="K-1")
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert again.headers["Location"] == first.headers["Location"]
    other = send(client, drawn_photo(5), key, case="K-2")
    assert (other.status_code, other.get_json()["code"]) == (422, "key_reused")
    assert len(client.get(f"{URL}?case=K-").get_json()["items"]) == 1


def test_a_key_belongs_to_its_token(app: Flask, client: FlaskClient) -> None:
    """Another token may use the same key for another request."""
    key = {"Idempotency-Key": "theirs"}
    assert send(client, drawn_photo(5), key).status_code == 201
    assert send(program(app), drawn_photo(6), key).status_code == 201


@pytest.mark.parametrize("key", ["", "with blank", "x" * 129])
def test_a_key_that_cannot_be_is_refused(client: FlaskClient, key: str) -> None:
    """A key has visible ASCII characters only, and not too many."""
    response = send(client, b"x", {"Idempotency-Key": key})
    assert (response.status_code, response.get_json()["code"]) == (422, "input_refused")


def test_a_batch_that_broke_off_goes_on(app: Flask, client: FlaskClient) -> None:
    """Photos judged before are read, the others are judged, and no record is there twice."""
    photos, key = [drawn_photo(3), b"junk", drawn_photo(4)], {"Idempotency-Key": "broke-off"}
    first = send_batch(client, photos, key).get_json()["items"]
    with app.extensions["simsvc"].database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM request_keys WHERE key = 'broke-off' AND position = 2")
    again = send_batch(client, photos, key).get_json()["items"]
    assert again[:2] == first[:2]
    assert again[2]["id"] != first[2]["id"]
    assert send_batch(client, photos, key).get_json()["items"] == again


def test_pages_of_a_list_hold_every_record_once(client: FlaskClient) -> None:
    """Walking by cursor gives every record of a search once, newest first, also while new ones come in."""
    made = [send(client, b"x", case="P-1").get_json()["id"] for _ in range(5)]
    found, cursor = [], ""
    for _ in range(20):
        page = client.get(f"{URL}?case=P-1&limit=2{cursor}").get_json()
        found += [item["id"] for item in page["items"]]
        send(client, b"x", case="P-1")
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found[-5:] == made[::-1][-5:]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("cursor", ["x", "WzEsIjAiXQ.AAAA", "None", "%F0%9F%98%80"])
def test_a_cursor_that_was_not_given_is_refused(client: FlaskClient, cursor: str) -> None:
    """Made-up cursors, and a real one of another search, are 422."""
    for _ in range(2):
        send(client, b"x", case="C-1")
    real = client.get(f"{URL}?case=C-1&limit=1").get_json()["next"]
    for sent in (f"case=C-1&cursor={cursor}", f"case=C-2&cursor={real}"):
        response = client.get(f"{URL}?{sent}")
        assert (response.status_code, response.get_json()["code"]) == (422, "cursor_refused")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=odd",
        "flag=odd",
        "since=yesterday",
        "since=2026-02-30T00:00:00Z",
        "colour=blue",
    ],
)
def test_a_query_that_cannot_be_used_names_the_field(client: FlaskClient, query: str) -> None:
    """Unknown fields and values out of range are 422, with the field's name."""
    response = client.get(f"{URL}?{query}")
    assert (response.status_code, response.get_json()["code"]) == (422, "input_refused")
    assert list(response.get_json()["fields"]) == [query.partition("=")[0]]


def test_time_filters_bound_the_record(client: FlaskClient) -> None:
    """A record is found from its own instant on, and not before it; extremes are no error."""
    made = send(client, b"x", case="T-1").get_json()
    at = made["created_at"].replace("+00:00", "Z")
    assert [i["id"] for i in client.get(f"{URL}?case=T-1&since={at}").get_json()["items"]] == [made["id"]]
    assert client.get(f"{URL}?case=T-1&before={at}").get_json()["items"] == []
    for extreme in ("0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z"):
        assert client.get(f"{URL}?since={extreme}").status_code == 200


def test_an_answer_that_did_not_change_is_304(client: FlaskClient) -> None:
    """With the ETag of an answer, the same question is answered without a body until something changes."""
    record = send(client, case="E-1").get_json()
    for path in (
        f"{URL}/{record['id']}",
        f"{URL}/{record['id']}/crop",
        f"{URL}?case=E-1",
        "/api/v1/openapi.json",
    ):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    tag = client.get(f"{URL}?case=E-1").headers["ETag"]
    send(client, b"x", case="E-1")
    assert client.get(f"{URL}?case=E-1", headers={"If-None-Match": tag}).status_code == 200


def test_the_crop_is_what_the_model_saw(app: Flask, client: FlaskClient) -> None:
    """The crop is the stored PNG, byte for byte; a refusal has none."""
    record, refused = send(client).get_json(), send(client, b"x").get_json()
    answer = client.get(f"{URL}/{record['id']}/crop")
    assert answer.mimetype == "image/png"
    assert answer.data == app.extensions["simsvc"].estimates.crop_png(record["id"])
    assert client.get(f"{URL}/{refused['id']}/crop").get_json()["code"] == "nothing_judged"


def test_neighbours_say_where_they_come_from(client: FlaskClient) -> None:
    """Ranks count up, distances ascend, and each neighbour has its source."""
    record = send(client).get_json()
    answer = client.get(f"{URL}/{record['id']}/neighbours").get_json()
    items = answer["items"]
    assert answer["index"] == record["index"]
    assert [item["rank"] for item in items] == list(range(1, len(record["neighbours"]) + 1))
    assert [item["distance"] for item in items] == sorted(item["distance"] for item in items)
    assert {item["source"] for item in items} == {"demo"}
    assert [item["face_id"] for item in items] == [near["face_id"] for near in record["neighbours"]]


def test_a_decision_is_made_listed_and_counts(client: FlaskClient) -> None:
    """An override by a program is on record under its token; a second one needs to have seen the first."""
    record = send(client, case="D-1").get_json()
    url = f"{URL}/{record['id']}/decisions"
    sent = {"kind": "override", "age_years": 40, "reason": "passport"}
    made = client.post(url, json=sent)
    assert (made.status_code, made.get_json()["decided_by"]) == (201, record["asked_by"])
    late = client.post(url, json={"kind": "refer"})
    assert (late.status_code, late.get_json()["code"]) == (409, "decision_superseded")
    assert client.post(url, json={"kind": "refer", "after": 1}).get_json()["number"] == 2
    more = {"kind": "need_more", "note": "a recent photo", "after": 2}
    assert client.post(url, json=more).get_json()["note"] == "a recent photo"
    kinds = [item["kind"] for item in client.get(url).get_json()["items"]]
    assert kinds == ["need_more", "refer", "override"]
    found = client.get(f"{URL}?case=D-1&decision=need_more").get_json()["items"]
    assert found[0]["decision"]["number"] == 3


def test_a_decision_sent_twice_with_one_key_is_made_once(client: FlaskClient) -> None:
    """The repeated request gets the first answer instead of a conflict."""
    url = f"{URL}/{send(client, b'x').get_json()['id']}/decisions"
    key = {"Idempotency-Key": "decide"}
    first, again = (client.post(url, json={"kind": "refer"}, headers=key) for _ in range(2))
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert (
        client.post(url, json={"kind": "refer", "note": "n"}, headers=key).get_json()["code"] == "key_reused"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 422),
        ("kind=refer", "application/x-www-form-urlencoded", 415),
        ("[]", "application/json", 422),
        ('{"kind": "shrug"}', "application/json", 422),
        ('{"kind": "refer", "note": "\\u0000"}', "application/json", 422),
        ('{"kind": "refer", "note": "\\ud800"}', "application/json", 422),
        ('{"kind": "override", "age_years": "40"}', "application/json", 422),
        ('{"kind": "override", "age_years": true, "reason": "r"}', "application/json", 422),
        ('{"kind": "override"}', "application/json", 422),
        ('{"kind": "need_more", "note": " "}', "application/json", 422),
        ('{"kind": "refer", "colour": 1}', "application/json", 422),
    ],
)
def test_a_decision_that_cannot_be_is_refused(
    client: FlaskClient, body: str, content_type: str, status: int
) -> None:
    """Damaged JSON, another type, and fields that cannot be: a problem with a code, nothing on record."""
    url = f"{URL}/{send(client, b'x').get_json()['id']}/decisions"
    response = client.post(url, data=body, content_type=content_type)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert client.get(url).get_json()["items"] == []


def test_the_export_holds_every_record_found(client: FlaskClient) -> None:
    """JSON Lines and CSV hold the same records as the list, and JSON Lines the same objects."""
    for _ in range(3):
        send(client, b"x", case="X-1")
    listed = client.get(f"{URL}?case=X-1").get_json()["items"]
    lines = client.get("/api/v1/exports/estimates?case=X-1", buffered=True)
    assert lines.mimetype == "application/jsonl"
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    table = client.get("/api/v1/exports/estimates?case=X-1&format=csv", buffered=True)
    rows = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
    assert [row["id"] for row in rows] == [item["id"] for item in listed]
    assert {row["asked_by"] for row in rows} == {"a test"}


def test_a_request_keeps_its_number(client: FlaskClient) -> None:
    """A number of the right form is sent back, also in a problem; another one is replaced."""
    response = client.get(f"{URL}/{'0' * 32}", headers={"X-Request-ID": "their-4711"})
    assert response.headers["X-Request-ID"] == response.get_json()["request"] == "their-4711"
    odd = client.get(URL, headers={"X-Request-ID": "with blank"})
    assert odd.headers["X-Request-ID"] != "with blank"


def test_models_and_builds_are_listed_with_what_they_are_made_of(client: FlaskClient) -> None:
    """The inventory names what is in service, its hashes, its data, how often it was used, and its recall."""
    record = send(client).get_json()
    model = client.get("/api/v1/models").get_json()["items"][0]
    assert (model["sha256"], model["in_service"]) == (record["model_sha256"], True)
    assert model["estimates"] >= 1
    known = client.get(f"/api/v1/models/{model['sha256']}").get_json()
    assert known["files"]["model.onnx"]["sha256"] == model["sha256"]
    build = client.get("/api/v1/indexes").get_json()["items"][0]
    assert (build["label"], build["in_service"], build["faces"]) == (record["index"], True, FACES)
    made_of = client.get(f"/api/v1/indexes/{build['label']}").get_json()
    assert made_of["faces_by_source"] == {"demo": FACES}
    assert made_of["recall"] == {"k": 10, "queries": FACES, "share": 1.0}


def test_fairness_of_a_model_without_a_card_is_what_it_states(client: FlaskClient) -> None:
    """Without a card the figures of model.json are given; what was never measured is left out."""
    answer = client.get("/api/v1/fairness").get_json()
    assert answer["model"] == "tiny-0"
    assert isinstance(answer["groups"], list)


def test_two_like_periods_do_not_drift(client: FlaskClient) -> None:
    """A period compared with itself has an index of 0, and embeddings no farther apart than chance."""
    for _ in range(2):
        send_batch(client, [drawn_photo(seed) for seed in range(60, 72)] + [b"x"] * 3)
    same = {"reference_since": "2020-01-01T00:00:00Z", "reference_before": "2090-01-01T00:00:00Z"}
    current = {name.replace("reference", "current"): value for name, value in same.items()}
    answer = client.get("/api/v1/monitoring/drift", query_string={**same, **current}).get_json()
    assert answer["ages"]["psi"] == answer["outcomes"]["psi"] == 0
    assert answer["embeddings"]["energy_distance"] == pytest.approx(0, abs=1e-6)
    assert answer["embeddings"]["p_value"] > 0.5
    assert sum(share["current"] for share in answer["outcomes"]["shares"]) == pytest.approx(1)
    empty = {**same, "current_since": "2019-01-01T00:00:00Z", "current_before": "2019-02-01T00:00:00Z"}
    nothing = client.get("/api/v1/monitoring/drift", query_string=empty).get_json()
    assert (nothing["ages"], nothing["embeddings"], nothing["current"]["estimates"]) == (None, None, 0)
    wrong = client.get(
        "/api/v1/monitoring/drift", query_string={**same, **current, "current_before": "2019-01-01T00:00:00Z"}
    )
    assert (wrong.status_code, wrong.get_json()["code"]) == (422, "period_refused")
