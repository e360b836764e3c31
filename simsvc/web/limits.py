"""How often one address or one account may ask for what costs work or could be guessed."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from simsvc.web.current import visitor

GUESSED = ("sign_in.enter", "sign_in.welcome", "sign_in.accept", "account.change")
"""Endpoints that take a password or a token. Source: OWASP Authentication Cheat Sheet, "Login Throttling"."""
UPLOADS = ("pages.create", "pages.preview", "batches.create", "api_estimates.create")


def register(app: Flask) -> None:
    """Limit the rates of the endpoints above; call it when every blueprint is registered.

    Where the shared storage cannot be reached, each worker counts by itself.
    """
    settings = app.extensions["simsvc"].settings
    limiter = Limiter(
        get_remote_address,
        app=app,
        storage_uri=settings.rate_storage,
        strategy="moving-window",
        headers_enabled=True,  # Retry-After
        in_memory_fallback_enabled=True,
    )
    for endpoint in GUESSED:
        view: Any = app.view_functions[endpoint]
        app.view_functions[endpoint] = limiter.limit(settings.sign_in_rate)(view)
    for endpoint in UPLOADS:
        by_address: Any = limiter.limit(settings.upload_rate)(app.view_functions[endpoint])
        app.view_functions[endpoint] = limiter.limit(settings.upload_rate, key_func=_account)(by_address)


def _account() -> str:
    user = visitor()
    return f"user {user.id}" if user else f"address {get_remote_address()}"
