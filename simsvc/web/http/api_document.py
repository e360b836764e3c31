"""The API's document as this application built it, and the codes of its problems."""

from __future__ import annotations

from typing import Any

from flask import current_app, request

from simsvc.errors import every_error

HTTP_CODES = {
    "bad_request": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_entity_too_large": 413,
    "unsupported_media_type": 415,
    "too_many_requests": 429,
    "internal_error": 500,
}


def document() -> dict[str, Any]:
    """Return the document of the current application."""
    found: dict[str, Any] = current_app.extensions["simsvc-document"]()
    return {**found, "servers": [{"url": request.script_root or "/"}]}


def codes() -> dict[str, str]:
    """Return every code that a problem may have, and what it means."""
    spoken = {kind.code: (kind.__doc__ or "").partition("\n")[0] for kind in every_error()}
    plain = {code: f"HTTP {status}." for code, status in HTTP_CODES.items()}
    return dict(sorted({**plain, **spoken}.items()))
