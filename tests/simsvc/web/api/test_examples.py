from __future__ import annotations

import ast
import shlex
from typing import Any

import pytest
from flask import Flask

from simsvc.web.api.examples import examples

SCHEMAS: dict[str, Any] = {
    "Draft": {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"type": "string", "enum": ["accept", "refer"]}, "note": {"type": "string"}},
    }
}
JSON = {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Draft"}}}}}


def test_a_json_body_has_every_required_field() -> None:
    """Optional fields are left out, so that the example is the shortest request that works."""
    curl, python = examples("post", "/api/v1/estimates/{public_id}/decisions", JSON, SCHEMAS)
    assert '--json \'{"kind": "accept"}\'' in curl["source"]
    assert 'json={"kind": "accept"}' in python["source"]


def test_a_gap_in_the_path_becomes_a_variable() -> None:
    """The reader fills it in the way of the language."""
    curl, python = examples("get", "/api/v1/estimates/{public_id}", {}, {})
    assert curl["source"].endswith('"https://simsvc.example/api/v1/estimates/$PUBLIC_ID"')
    assert 'f"https://simsvc.example/api/v1/estimates/{public_id}"' in python["source"]


@pytest.mark.parametrize("place", [0, 1], ids=["curl", "Python"])
def test_every_operation_has_examples_that_can_be_read(app: Flask, place: int) -> None:
    """The shell and Python accept their form."""
    read = (shlex.split, ast.parse)[place]
    paths = app.extensions["simsvc-document"]()["paths"]
    operations = [
        paths[path][method] for path in paths for method in ("get", "post") if method in paths[path]
    ]
    assert all(read(operation["x-codeSamples"][place]["source"]) for operation in operations)
