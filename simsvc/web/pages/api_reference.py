"""/api-reference: the API document for people, on two pages to keep them small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.web.http.api_document import codes, document

blueprint = Blueprint("api_reference", __name__)


@blueprint.get("/api-reference")
def show() -> ResponseReturnValue:
    """Show every operation and every code."""
    described = document()
    return render_template(
        "api_reference.html",
        info=described["info"],
        groups=_groups(described),
        codes=codes(),
        kind_of=kind_of,
        objects=_objects(),
    )


@blueprint.get("/api-reference/objects")
def objects() -> ResponseReturnValue:
    """Show the fields of every object."""
    return render_template("api_objects.html", objects=_objects(), kind_of=kind_of)


def kind_of(schema: Mapping[str, Any]) -> str:
    """Write a schema's type in a few words; objects by their name."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "allOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(kind_of(one) for one in schema[key]))
    kinds = schema.get("type", "object")
    words = list(kinds) if isinstance(kinds, list) else [str(kinds)]
    if "array" in words:
        words[words.index("array")] = f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("format"):
        words[0] += f" ({schema['format']})"
    if schema.get("enum"):
        words[0] += ": " + ", ".join(str(one) for one in schema["enum"] if one is not None)
    return " or ".join(words)


def _objects() -> dict[str, Any]:
    """Return the objects that have fields, by name: those that the second page describes."""
    schemas = document()["components"]["schemas"]
    return {name: schemas[name] for name in sorted(schemas) if schemas[name].get("properties")}


def _groups(described: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in described["paths"].items():
        for method in ("get", "post"):
            if method in operations:
                operation = operations[method]
                parameters = [*operations.get("parameters", []), *operation.get("parameters", [])]
                row = {**operation, "path": path, "method": method.upper(), "parameters": parameters}
                groups.setdefault(operation["tags"][0], []).append(row)
    return groups
