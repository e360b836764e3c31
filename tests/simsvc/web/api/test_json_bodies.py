from __future__ import annotations

import pytest
from flask import Flask

from simsvc.errors import InputRefused, JsonRefused
from simsvc.web.api.common.json_body import MOST_DEPTH, read_json
from tests.simsvc.web.programs import program

NOBODY = "0" * 32
ROUTES = (
    f"/api/v1/estimates/{NOBODY}/decisions",
    "/api/v1/cases/erasure",
    "/api/v1/faces/a/label",
)
"""Every route that reads JSON."""
REFUSED = {
    "lists 20,000 deep": b"[" * 20_000 + b"]" * 20_000,
    "objects 20,000 deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "lists just too deep": b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1),
    "never closed": b"[" * 400_000,
    "5,000 digits": b'{"age": ' + b"9" * 5_000 + b"}",
    "5,000 digits below zero": b'{"age": -' + b"9" * 5_000 + b"}",
    "infinite exponent": b'{"age": 1e999}',
    "exponent of 5,000 digits": b'{"age": 1e' + b"9" * 5_000 + b"}",
    "NaN": b'{"age": NaN}',
    "Infinity": b'{"age": -Infinity}',
    "Remove one of the two and send it again": b'{"kind": "accept", "kind": "refer"}',
    "a name twice, within": b'{"kind": {"a": 1, "a": 2}}',
}
NO_JSON = {
    "invalid UTF-8": b'{"note": "\xff"}',
    "UTF-16": '{"note": "a"}'.encode("utf-16"),
    "The JSON has a lone surrogate": b'{"note": "\\ud800"}',
    "half of a character as a name": b'{"\\udfff": 1}',
    "no JSON": b"kind=accept",
    "nothing": b"",
    "more behind it": b"{} {}",
}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_field_could_mean_is_refused(app: Flask, path: str, body: bytes) -> None:
    """It is a 400 with a code and a sentence, on every route that reads JSON, and nothing fails."""
    answer = program(app).post(path, data=body, content_type="application/json")
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (400, "json_refused")
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_is_told(app: Flask, path: str, body: bytes) -> None:
    """It is refused like fields that cannot be used, with a sentence that says what is wrong with it."""
    answer = program(app).post(path, data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "input_refused")
    assert "fields" not in answer.get_json()


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b'{"kind": "a\\u0000b"}',
        b'{"case": "a\\u0000b"}',
        b'{"age": 12345678901234}',
    ],
)
def test_json_of_another_form_is_an_unprocessable_field(app: Flask, path: str, body: bytes) -> None:
    """What is JSON, but not what the route takes, is told by its fields."""
    answer = program(app).post(path, data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "input_refused")


@pytest.mark.parametrize("path", ROUTES)
def test_json_has_a_bound_of_its_own(app: Flask, path: str) -> None:
    """A body of 2 MB is refused as too large, though a photo might be larger, and no photo is spoken of."""
    answer = program(app).post(path, data=b'"' + b"x" * 2_000_000 + b'"', content_type="application/json")
    assert answer.status_code == 413
    assert answer.get_json()["code"] == "request_entity_too_large"
    assert "photo" not in answer.get_json()["detail"]


def test_json_is_read() -> None:
    """Ordinary JSON is what it says, whatever its characters."""
    assert read_json('{"a": [1, 2.5, null, true, "写真 \U0001f600"]}'.encode()) == {
        "a": [1, 2.5, None, True, "写真 😀"]
    }
    assert read_json(b'"\\ud83d\\ude00"') == "😀"
    assert read_json(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)


def test_a_refusal_is_of_the_tree() -> None:
    """What is raised is the one error of a body that is no JSON."""
    with pytest.raises(InputRefused, match="line 2, column 1"):
        read_json(b"{\nx")
    with pytest.raises(JsonRefused, match="more than 32 deep"):
        read_json(b"[" * 99 + b"]" * 99)


def test_a_number_in_a_path_is_short(app: Flask) -> None:
    """A rank of 5,000 digits is an address that there is not."""
    assert program(app).get(f"/estimates/{NOBODY}/faces/{'9' * 5_000}").status_code == 404
