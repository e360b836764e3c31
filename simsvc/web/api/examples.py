"""How to call each operation with curl and Python, for the API document and the page that shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

SERVICE = "https://simsvc.example"
"""Where the examples ask. Source: RFC 2606, section 2: `.example` is nobody's."""
FILE = "photo.jpg"
FORM, JSON = "multipart/form-data", "application/json"
GAP = re.compile(r"\{(?:\w+:)?(\w+)\}")
WORDS = {"string": "...", "integer": 1, "number": 1.0, "boolean": True}


def examples(
    method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return the examples of an operation as `x-codeSamples` has them.

    Source: Redocly, "x-codeSamples": a list of `lang`, `label` and `source`.
    """
    body = operation.get("requestBody", {}).get("content", {})
    kind = next((name for name in (FORM, JSON) if name in body), None)
    values = _example(body[kind].get("schema", {}), schemas) if kind else {}
    return [
        {"lang": "Shell", "label": "curl", "source": _curl(method, path, kind, values)},
        {"lang": "Python", "label": "Python", "source": _python(method, path, kind, values)},
    ]


def _curl(method: str, path: str, kind: str | None, values: Mapping[str, Any]) -> str:
    lines = ['curl --header "Authorization: Bearer $TOKEN"']
    if kind == FORM:
        lines += [f"--form {name}={'@' if value is FILE else ''}{value}" for name, value in _parts(values)]
    elif kind == JSON:
        lines.append(f"--json '{json.dumps(values)}'")
    elif method == "post":
        lines.append("--request POST")
    address = GAP.sub(lambda gap: f"${gap[1].upper()}", SERVICE + path)
    return " \\\n  ".join([*lines, f'"{address}"'])


def _python(method: str, path: str, kind: str | None, values: Mapping[str, Any]) -> str:
    address = GAP.sub(r"{\1}", SERVICE + path)
    arguments = [
        ("f" if "{" in address else "") + json.dumps(address),
        'headers={"Authorization": f"Bearer {token}"}',
    ]
    if kind == FORM:
        parts = _parts(values)
        files = [f'("{name}", open("{FILE}", "rb"))' for name, value in parts if value is FILE]
        fields = {name: value for name, value in parts if value is not FILE}
        arguments += [f"files=[{', '.join(files)}]"] if files else []
        arguments += [f"data={json.dumps(fields)}"] if fields else []
    elif kind == JSON:
        arguments.append(f"json={json.dumps(values).replace('true', 'True')}")
    inner = "".join(f"\n    {argument}," for argument in arguments)
    return f"import requests\n\nanswer = requests.{method}({inner}\n)\nanswer.raise_for_status()"


def _parts(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the parts of a form; a list becomes two parts of one name."""
    return [
        (name, one)
        for name, value in values.items()
        for one in (value * 2 if isinstance(value, list) else [value])
    ]


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each field that must be there."""
    return dict(_fields(schema, schemas))


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    found = _resolved(schema, schemas)
    for name in found.get("required", ()):
        yield name, _value(_resolved(found["properties"][name], schemas), schemas)


def _value(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return FILE
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        return _example(schema, schemas)
    if kind == "array":
        return [_value(_resolved(schema.get("items", {}), schemas), schemas)]
    return WORDS[kind]


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        found: Mapping[str, Any] = schemas[schema["$ref"].rpartition("/")[2]]
        return found
    return schema
