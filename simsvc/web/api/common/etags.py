"""ETag and If-None-Match for API responses. Source: RFC 9110, sections 8.8.3 and 13.1.2."""

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
"""Endpoints without personal data."""
ASK_AGAIN = "private, no-cache"
"""Clients may cache the response but must revalidate it."""


def register(app: Flask) -> None:
    """Add an ETag to unstreamed API responses. Personal data is not cached, because it may be erased."""
    app.after_request(_tagged)


def _tagged(response: Response) -> Response:
    whole = request.method in {"GET", "HEAD"} and response.status_code == 200 and not response.is_streamed
    if whole and request.endpoint in SCOPES_OF:
        response.headers["Cache-Control"] = ASK_AGAIN if request.endpoint in OF_NOBODY else "no-store"
        response.add_etag()
        response.make_conditional(request.environ)
    return response
