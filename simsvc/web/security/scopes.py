"""Which token may call which route of the API: one table, and the check before every request of a program."""

from __future__ import annotations

from flask import g, request

from simsvc.errors import ScopeMissing, TokenRefused
from simsvc.values.tokens import Scope, Token
from simsvc.web.http.current import services

ASK = frozenset[Scope]({"estimate", "admin"})
READ = frozenset[Scope]({"estimate", "audit", "admin"})
AUDIT = frozenset[Scope]({"audit", "admin"})
CHANGE = frozenset[Scope]({"admin"})

SCOPES_OF: dict[str, frozenset[Scope] | None] = {
    "api_document.show": None,
    "api_estimates.create": ASK,
    "api_estimates.create_batch": ASK,
    "api_estimates.show": READ,
    "api_estimates.list_all": READ,
    "api_estimates.neighbours": READ,
    "api_estimates.crop": READ,
    "api_decisions.create": ASK,
    "api_decisions.list_all": READ,
    "api_models.list_all": READ,
    "api_models.show": READ,
    "api_indexes.list_all": READ,
    "api_indexes.show": READ,
    "api_fairness.show": READ,
    "api_monitoring.drift": AUDIT,
    "api_exports.estimates": AUDIT,
    "api_exports.events": AUDIT,
    "api_audit.events": AUDIT,
    "api_audit.verification": AUDIT,
    "api_replays.create": AUDIT,
    "api_faces.add": CHANGE,
    "api_faces.relabel": CHANGE,
    "api_faces.remove": CHANGE,
    "api_erasures.estimate": CHANGE,
    "api_erasures.case": CHANGE,
    "api_erasures.face": CHANGE,
}
"""Endpoint to the scopes any of which opens it; None for what anyone may read without a token."""


def check_token(endpoint: str) -> None:
    """Find the token that a request brings and hold it against the table; it stands in `g.token` then.

    Raises:
        TokenRefused: there is none in force.
        ScopeMissing: it has no scope that allows this.
        StoreError: the database cannot be used.
    """
    allowed = SCOPES_OF[endpoint]
    if allowed is not None:
        require(allowed)


def require(allowed: frozenset[Scope]) -> None:
    """Find the token that a request brings and see that it has one of these scopes.

    Raises:
        TokenRefused: there is none in force.
        ScopeMissing: it has no scope that allows this.
        StoreError: the database cannot be used.
    """
    g.token = services().tokens.opened_by(_sent())
    if not allowed & set(g.token.scopes):
        raise ScopeMissing(allowed=" or ".join(sorted(allowed)))


def program() -> Token:
    """Return the token of the request at hand, for a view that the table opens to tokens only."""
    token = g.get("token")
    assert isinstance(token, Token)  # noqa: S101 - told to mypy; check_token lets nobody else through
    return token


def _sent() -> str:
    """Return what stands after "Bearer" in the request. Source: RFC 6750, section 2.1."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenRefused("missing")
    return text.strip()
