"""ETag and If-None-Match on what the API answers. Source: RFC 9110, sections 8.8.3 and 13.1.2."""

from __future__ import annotations

from flask import Flask, Response, request

from simsvc.web.api.scopes import SCOPES_OF

ASK_AGAIN = "private, no-cache"
"""A client may keep an answer, asks before it uses it, and mostly hears that nothing changed."""


def register(app: Flask) -> None:
    """Tag every answer of the API that is whole in memory."""
    app.after_request(_tagged)


def _tagged(response: Response) -> Response:
    whole = request.method in {"GET", "HEAD"} and response.status_code == 200 and not response.is_streamed
    if whole and request.endpoint in SCOPES_OF:
        response.headers["Cache-Control"] = ASK_AGAIN
        response.add_etag()
        response.make_conditional(request.environ)
    return response
