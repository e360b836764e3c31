"""The OpenAPI document, generated from the routes and their schemas."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from flask_smorest import Api

from simsvc.web.api.common.blueprint import Resource
from simsvc.web.api.common.idempotency import HEADER
from simsvc.web.api.examples import examples
from simsvc.web.api.resources import (
    audit,
    cases,
    decisions,
    erasures,
    estimates,
    exports,
    faces,
    fairness,
    indexes,
    log,
    models,
    monitoring,
    reads,
    referrals,
    replays,
)
from simsvc.web.http.api_document import codes, document
from simsvc.web.http.problems import MEDIA_TYPE
from simsvc.web.rendering.event_lines import CSV
from simsvc.web.security.scopes import SCOPES_OF

VERSION = "1.0.0"
_READ = (estimates, decisions, referrals, cases, models, indexes, fairness, monitoring, exports, audit, log)
RESOURCES = tuple(part.resource for part in (*_READ, reads, replays, faces, erasures))
ABOUT = """Send your token as `Authorization: Bearer simsvc_...`. Errors are problem documents (RFC 9457) with
a stable `code`. An `X-Request-ID` of up to 64 letters, digits and `. _ ~ -` is logged and returned; without
one, the service generates it. Responses to GET have an `ETag`; send it in `If-None-Match` to get 304 if
nothing changed. Lists are paginated: pass `next` of one page as `cursor` to get the following page."""
COMMON = {
    "401": "The token is missing, expired or revoked.",
    "403": "The token does not have the required scope.",
    "429": "Too many requests with this token. Wait as long as `Retry-After` says.",
    "503": "The model, index or database is not available, or too many photos are waiting (`Retry-After`).",
}
OF_POST = {
    "400": "The request is incomplete.",
    "409": "The request conflicts with another one.",
    "413": "The body is too large.",
    "415": "The content type is not supported.",
}
OF_FIELDS = {"422": "A field, the cursor, the idempotency key or the decision is not valid."}
OF_PATH = {"404": "The record does not exist.", "410": "The record was erased or retired."}

LINKS = {
    "api_estimates.create": (
        "public_id",
        "$response.body#/id",
        (
            "estimates_show",
            "estimates_neighbours",
            "estimates_crop",
            "decisions_create",
            "decisions_list_all",
        ),
    ),
    "api_faces.add": ("face_id", "$response.body#/face_id", ("faces_relabel", "faces_remove")),
}
"""Operations that take a value from the response of another."""
ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
"""An argument in Flask's rules, with or without a converter."""
NOT_FOUND_BY_PATH = frozenset(
    {"api_erasures.case", "api_log.checkpoint", "api_log.inclusion", "api_log.consistency"}
)
"""Operations whose body or query names what may not exist."""

resource = Resource("document", __name__, "This document.")


class QuietApi(Api):  # type: ignore[misc]  # flask-smorest has no types
    """Collects the document; errors are answered by `web.http.errors`."""

    def _register_error_handlers(self) -> None:
        return


def register(app: Flask) -> None:
    """Give the application the routes of the API; its document is built when it is first asked for."""
    for each in RESOURCES:
        app.register_blueprint(each)
        app.extensions["csrf"].exempt(each)  # the API takes no cookie
    app.register_blueprint(resource)
    app.extensions["simsvc-document"] = built


@cache
def built() -> dict[str, Any]:
    """Return the document, which is the same for every application, so that an empty one can collect it."""
    app = Flask("simsvc")
    app.config.update(API_TITLE="simsvc", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0")
    api = QuietApi(app, spec_kwargs={"info": {"description": ABOUT}})
    for each in RESOURCES:
        api.register_blueprint(each)
    app.register_blueprint(resource)
    return completed(api.spec.to_dict(), _endpoints(app))


@resource.get("/openapi.json")
def show() -> ResponseReturnValue:
    """Return this document."""
    return jsonify(document())


def completed(spec: dict[str, Any], endpoints: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Return the document with scopes, headers and problems added to every operation."""
    for path, operations in spec["paths"].items():
        for method in [name for name in operations if name in {"get", "post"}]:
            _complete(operations[method], method, path, endpoints[path, method])
            known = spec.get("components", {}).get("schemas", {})
            operations[method]["x-codeSamples"] = examples(method, path, operations[method], known)
        if "parameters" in operations and not operations["parameters"]:
            del operations["parameters"]
    components = spec.setdefault("components", {})
    components["responses"] = {}
    components["schemas"]["Problem"] = _problem_schema()
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    components["schemas"].pop("Error", None)
    components["schemas"].pop("PaginationMetadata", None)
    components.pop("headers", None)
    return spec


def _complete(operation: dict[str, Any], method: str, path: str, endpoint: str) -> None:
    scopes = sorted(SCOPES_OF[endpoint] or ())
    operation["operationId"] = endpoint.removeprefix("api_").replace(".", "_")
    operation["tags"] = [endpoint.removeprefix("api_").partition(".")[0]]
    operation["security"] = [{"token": []}]
    scoped = f"Scope: {' or '.join(scopes)}."
    operation["description"] = f"{operation.get('description', '').strip()}\n\n{scoped}".strip()
    kept = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
    for answer in kept.values():
        answer["headers"] = {
            "X-Request-ID": {"schema": {"type": "string"}, "description": "ID of the request."}
        }
        if endpoint.startswith("api_exports."):
            answer["content"][CSV] = {"schema": {"type": "string"}}
        if endpoint in LINKS:
            name, value, others = LINKS[endpoint]
            answer["links"] = {o: {"operationId": o, "parameters": {name: value}} for o in others}
    if method == "get":
        kept["304"] = {"description": "Not modified since `If-None-Match`."}
    problems = {**COMMON, **(OF_POST if method == "post" else {})}
    is_repeatable = any(parameter.get("name") == HEADER for parameter in operation.get("parameters", []))
    problems |= {"410": "The result for this idempotency key was erased."} if is_repeatable else {}
    problems |= {"409": "The photo was refused."} if endpoint == "api_estimates.crop" else {}
    problems |= OF_PATH if "{" in path or endpoint in NOT_FOUND_BY_PATH else {}
    problems |= OF_FIELDS if method == "post" or operation.get("parameters") else {}
    failed = {status: _problem(words) for status, words in sorted(problems.items())}
    operation["responses"] = {**kept, **failed}


def _problem(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}


def _problem_schema() -> dict[str, Any]:
    """Describe a problem document. Source: RFC 9457, section 3."""
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "request"],
        "properties": {
            "type": {**text, "format": "uri-reference"},
            "title": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {**text, "description": "What happened and what to do."},
            "code": {**text, "enum": list(codes())},
            "request": {**text, "description": "ID of the request, for the operator."},
            "fields": {"type": "object", "additionalProperties": text},
        },
        "additionalProperties": False,
    }


def _endpoints(app: Flask) -> dict[tuple[str, str], str]:
    return {
        (ARGUMENT.sub(r"{\1}", str(rule.rule)), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.endpoint in SCOPES_OF
    }
