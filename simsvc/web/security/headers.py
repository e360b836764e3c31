"""Headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import Flask, Response, g

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self' data: blob:",  # data: Bootstrap's icons in its CSS; blob: the preview
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script, no inline style, nothing from elsewhere. Source: W3C, Content Security Policy Level 3."""

TRANSPORT_SECURITY = "max-age=31536000"
"""A year. Source: OWASP HTTP Strict Transport Security Cheat Sheet."""
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # forms sent by HTTPS are checked by it
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}


def register(app: Flask) -> None:
    """Set the headers on every answer of the application."""
    tls = app.extensions["simsvc"].settings.tls
    secured = {"Strict-Transport-Security": TRANSPORT_SECURITY} if tls else {}
    app.after_request(partial(_set, {**HEADERS, "Cache-Control": "no-store", **secured}))


def _set(always: Mapping[str, str], response: Response) -> Response:
    """Add what the answer does not have yet: its names are read once, and not for every one of these."""
    given = {name.lower() for name, _ in response.headers}
    response.headers.extend([(name, value) for name, value in always.items() if name.lower() not in given])
    response.headers["X-Request-Id"] = str(g.get("request_id", "none"))
    return response
