"""Headers that every answer carries."""

from __future__ import annotations

from flask import Flask, Response, g

from simsvc.web.current import services

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
    app.after_request(_set)


def _set(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if services().settings.tls:
        response.headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    response.headers["X-Request-Id"] = str(g.get("request_id", "none"))
    return response
