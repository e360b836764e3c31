"""Programs that call the API: their tokens, and a client that sends one by itself."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from simsvc.values.access.tokens import SCOPES, Scope, TokenDraft


def token_text(app: Flask, *scopes: Scope) -> str:
    """Return the text of a new token with these scopes, or with all of them."""
    draft = TokenDraft("a test", scopes or SCOPES, 1)
    return str(app.extensions["simsvc"].tokens.create(draft).text)


def bearer(app: Flask, *scopes: Scope) -> dict[str, str]:
    """Return the header by which a program says who it is."""
    return {"Authorization": f"Bearer {token_text(app, *scopes)}"}


def program(app: Flask, *scopes: Scope) -> FlaskClient:
    """Return a client without any session that sends a token of these scopes, or of all of them."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(app, *scopes)["Authorization"]
    return client
