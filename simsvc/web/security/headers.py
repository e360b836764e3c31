"""Headers that every answer carries."""

from __future__ import annotations

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
    headers = {**HEADERS, "Cache-Control": "no-store"}
    if app.extensions["simsvc"].settings.tls:
        headers["Strict-Transport-Security"] = TRANSPORT_SECURITY

    @app.after_request
    def set_headers(response: Response) -> Response:
        """Add what the answer does not have yet."""
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = str(g.get("request_id", "none"))
        return response
