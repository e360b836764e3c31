"""Which token may call which route of the API: one table, and the check before every request of a program."""

from __future__ import annotations

from flask import g, request

from simsvc.errors import ScopeMissing, TokenRefused
from simsvc.values.access.tokens import Scope, Token
from simsvc.web.http.current import services

ASK = frozenset[Scope]({"estimate", "admin"})
READ = frozenset[Scope]({"estimate", "audit", "admin"})
AUDIT = frozenset[Scope]({"audit", "admin"})
CHANGE = frozenset[Scope]({"admin"})

_ENDPOINTS: dict[frozenset[Scope] | None, str] = {
    None: "api_document.show",
    ASK: """api_estimates.create api_estimates.create_batch api_decisions.create
        api_referrals.create api_referrals.comment api_referrals.answer api_referrals.give_back""",
    READ: """api_estimates.show api_estimates.list_all api_estimates.neighbours api_estimates.crop
        api_decisions.list_all api_models.list_all api_models.show api_indexes.list_all api_indexes.show
        api_fairness.show
        api_cases.show
        api_referrals.list_all api_referrals.show""",
    AUDIT: """api_monitoring.drift api_exports.estimates api_exports.events api_audit.events
        api_audit.verification api_replays.create
        api_log.checkpoint api_log.keys api_log.inclusion api_log.consistency api_log.tile""",
    CHANGE: """api_faces.add api_faces.relabel api_faces.remove api_erasures.estimate api_erasures.case
        api_erasures.face""",
}
SCOPES_OF = {name: scopes for scopes, names in _ENDPOINTS.items() for name in names.split()}
"""Endpoint to the scopes any of which opens it; None for what anyone may read without a token."""


def require(allowed: frozenset[Scope]) -> None:
    """Find the token that a request brings, for `g.token`, and see that it has one of these scopes.

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
    assert isinstance(token, Token)  # noqa: S101 - told to mypy; `access.check` lets nobody else through
    return token


def _sent() -> str:
    """Return what stands after "Bearer" in the request. Source: RFC 6750, section 2.1."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenRefused("missing")
    return text.strip()
