"""A resource of the API: flask-smorest's blueprint with what every route here has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from simsvc.errors import InputRefused, NotJson
from simsvc.web.api.json_body import read_json


def in_path(name: str, pattern: str) -> dict[str, object]:
    """Describe a part of a path for the document."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}


IN_PATH = in_path("public_id", "^[0-9a-f]{32}$")


class StrictParser(FlaskParser):
    """Refuses fields that are not known, and every refusal as this project's own error."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = dict.fromkeys(("query", "json", "form"), RAISE)

    def load_json(self, req: Any, schema: Schema) -> Any:
        """Return the body.

        Raises:
            NotJson: it is of another type.
            JsonRefused: it is not JSON, or such as no field could mean.
        """
        del schema
        if not req.is_json:
            raise NotJson()
        return read_json(req.get_data(cache=False))

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Name the fields and what is wrong with each."""
        raise refused(error)


def refused(error: ValidationError) -> InputRefused:
    """Return what a program reads of fields that cannot be used."""
    fields = dict(_flat(error.normalized_messages()))
    return InputRefused("fields", fields=fields, names=", ".join(sorted(fields)))


class Resource(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A blueprint under /api/v1 whose routes are in the generated document."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, import_name: str, description: str) -> None:
        super().__init__(f"api_{name}", import_name, url_prefix="/api/v1", description=description)


def _flat(messages: Any, place: str = "") -> list[tuple[str, str]]:
    """Give the messages of marshmallow by field: {"query": {"limit": ["..."]}} becomes [("limit", "...")]."""
    if isinstance(messages, Mapping):
        return [pair for name, inner in messages.items() for pair in _flat(inner, _named(place, str(name)))]
    return [(place or "body", " ".join(str(message) for message in messages))]


def _named(place: str, name: str) -> str:
    return "" if name in {"query", "json", "form", "_schema"} and not place else name
