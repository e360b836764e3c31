"""ETag and If-None-Match on what the API answers. Source: RFC 9110, sections 8.8.3 and 13.1.2."""

from __future__ import annotations

from flask import Flask, Response, request

from simsvc.web.security.scopes import SCOPES_OF

OF_NOBODY = {
    "api_document.show",
    "api_fairness.show",
    "api_indexes.list_all",
    "api_indexes.show",
    "api_models.list_all",
    "api_models.show",
}
"""Endpoints whose answers tell nothing of a person."""
ASK_AGAIN = "private, no-cache"
"""A client may keep such an answer, asks before it uses it, and mostly hears that nothing changed."""


def register(app: Flask) -> None:
    """Tag every answer of the API that is whole in memory.

    No cache may keep what tells of a person, since it may be erased. A program that keeps such an answer
    itself can ask by its tag whether it still stands.
    """
    app.after_request(_tagged)


def _tagged(response: Response) -> Response:
    whole = request.method in {"GET", "HEAD"} and response.status_code == 200 and not response.is_streamed
    if whole and request.endpoint in SCOPES_OF:
        response.headers["Cache-Control"] = ASK_AGAIN if request.endpoint in OF_NOBODY else "no-store"
        response.add_etag()
        response.make_conditional(request.environ)
    return response
