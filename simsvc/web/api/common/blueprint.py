"""API resources: flask-smorest blueprints with strict parsing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from simsvc.errors import InputRefused, NotJson
from simsvc.web.api.common.json_body import read_json


def in_path(name: str, pattern: str) -> dict[str, object]:
    """Describe a part of a path for the document."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}


IN_PATH = in_path("public_id", "^[0-9a-f]{32}$")


class StrictParser(FlaskParser):
    """Parser that refuses unknown fields and raises simsvc errors."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = dict.fromkeys(("query", "json", "form"), RAISE)

    def load_json(self, req: Any, schema: Schema) -> Any:
        """Return the body.

        Raises:
            NotJson: the body has another content type.
            JsonRefused: the JSON has values that no field accepts.
        """
        del schema
        if not req.is_json:
            raise NotJson()
        return read_json(req.get_data(cache=False))

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Raise an error that names the fields and their problems."""
        raise refused(error)


def refused(error: ValidationError) -> InputRefused:
    """Return an error that names the fields and their problems."""
    fields = dict(_flat(error.normalized_messages()))
    return InputRefused("fields", fields=fields, names=", ".join(sorted(fields)))


class Resource(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A blueprint under /api/v1 that is part of the API document."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, import_name: str, description: str) -> None:
        super().__init__(f"api_{name}", import_name, url_prefix="/api/v1", description=description)


def _flat(messages: Any, place: str = "") -> list[tuple[str, str]]:
    """Flatten marshmallow's messages by field: {"query": {"limit": ["..."]}} becomes [("limit", "...")]."""
    if isinstance(messages, Mapping):
        return [pair for name, inner in messages.items() for pair in _flat(inner, _named(place, str(name)))]
    return [(place or "body", " ".join(str(message) for message in messages))]


def _named(place: str, name: str) -> str:
    return "" if name in {"query", "json", "form", "_schema"} and not place else name
