"""Errors as programs read them. Source: RFC 9457, "Problem Details for HTTP APIs"."""

from __future__ import annotations

from flask import Response, jsonify, request

MEDIA_TYPE = "application/problem+json"
REFERENCE = "/api-reference"
"""The page that lists every code; see `web.pages.api_reference`."""


def problem(code: str, sentence: str, status: int, **more: object) -> Response:
    """Return a problem document."""
    response = jsonify(
        type=f"{request.script_root}{REFERENCE}#{code}",
        title=title(code),
        status=status,
        detail=sentence,
        code=code,
        **more,
    )
    response.mimetype = MEDIA_TYPE
    return response


def title(code: str) -> str:
    """Write a code in words: "no_face" becomes "No face"."""
    return code.replace("_", " ").capitalize()
