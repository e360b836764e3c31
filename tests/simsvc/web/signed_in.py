"""People at the desk: a client that is signed in, and one that sends the forms' token by itself."""

from __future__ import annotations

from contextlib import suppress

from argon2 import PasswordHasher
from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf

from simsvc.domain.accounts.passwords import name_key
from simsvc.errors import StoreError
from simsvc.store.access.sessions import NewSession
from simsvc.values import Role, User
from simsvc.web.security.sessions import digest, new_id

PASSWORD = "seven grey herons wade"  # noqa: S105 - of accounts that live as long as a test
QUICK_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""A real argon2 hash of `PASSWORD` with parameters that cost a test nothing."""


def account(app: Flask, role: Role, name: str = "") -> User:
    """Return the account of that name, or of the role's; made with `PASSWORD` where there is none."""
    services, name = app.extensions["simsvc"], name or role
    found: User | None = services.users.named(name_key(name))
    if found is None:
        made = services.users.add(name, name_key(name), role, services.now())
        found = services.users.set_password(made.id, QUICK_HASH)
    return found


def client_of(app: Flask, user: User | None) -> FlaskClient:
    """Return a client in a session of the account, or of nobody, that sends the form token by itself."""
    client = app.test_client()
    with app.test_request_context():
        token = generate_csrf()
        raw = session["csrf_token"]
    with client.session_transaction() as kept:
        kept["csrf_token"] = raw
        if user is not None:
            kept.update({"_user_id": begun(app, user), "_fresh": True})
    client.environ_base["HTTP_X_CSRFTOKEN"] = token
    return client


def begun(app: Flask, user: User) -> str:
    """Begin a session of the account and return what its cookie holds."""
    services, session_id = app.extensions["simsvc"], new_id()
    with suppress(StoreError):  # a database without tables
        services.sessions.begin(NewSession(digest(session_id), user, "password"), services.now())
    return session_id


def signed_in(app: Flask, role: Role = "underwriter") -> FlaskClient:
    """Return a client signed in as an account of the role."""
    return client_of(app, account(app, role))
