"""Addresses that forms are sent to, when they are opened or reloaded: they lead to the page of the form."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

blueprint = Blueprint("opening", __name__)

PAGE_OF: dict[str, tuple[str, str | None]] = {
    "/estimates": ("pages.start", None),
    "/crop": ("pages.start", None),
    "/display": ("pages.start", None),
    "/sign-out": ("pages.start", None),
    "/estimates/<public_id>/decisions": ("pages.show", "decision"),
    "/indexes/<index_name>/<build_id>/use": ("indexes.show", None),
    "/users/<user_id>/disable": ("users.show", None),
    "/users/<user_id>/enable": ("users.show", None),
    "/users/<user_id>/link": ("users.show", None),
    "/tokens/<token_id>/revoke": ("tokens.show", None),
}
"""Rule that only answers POST to the endpoint of its form's page, and the place on that page.

A form that is refused is shown again at the address that it was sent to; without these, reloading that
address or following it from the history of the browser would be refused as a wrong method (405).
"""


def lead(**values: str) -> ResponseReturnValue:
    """Lead to the page of the form that is sent to this address; nothing is changed."""
    rule = request.url_rule
    assert rule is not None  # noqa: S101 - told to mypy; the view was found by it
    endpoint, place = PAGE_OF[rule.rule]
    taken: dict[str, Any] = {
        name: value
        for name, value in values.items()
        if current_app.url_map.is_endpoint_expecting(endpoint, name)
    }
    return redirect(url_for(endpoint, _anchor=place, **taken), 303)


for _rule in PAGE_OF:
    blueprint.add_url_rule(_rule, "lead", lead, methods=["GET"])
