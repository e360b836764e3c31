"""Redirect GET requests for form addresses to the page of the form."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

blueprint = Blueprint("opening", __name__)

PAGE_OF: dict[str, tuple[str, str | None]] = {
    "/crop": ("home.show", None),
    "/display": ("home.show", None),
    "/sign-out": ("home.show", None),
    "/history/views": ("history.show", None),
    "/history/views/<view_id>/delete": ("history.show", None),
    "/estimates/<public_id>/decisions": ("pages.show", "decision"),
    "/batches/<batch_id>/photos/<int:position>/decisions": ("batches.show", None),
    "/indexes/<index_name>/<build_id>/use": ("indexes.show", None),
    "/users/<user_id>/disable": ("users.show", None),
    "/users/<user_id>/enable": ("users.show", None),
    "/users/<user_id>/link": ("users.show", None),
    "/users/<user_id>/contact": ("users.show", None),
    "/referrals/<referral_id>/<step>": ("referrals.list_all", None),
    "/users/<user_id>/role": ("users.manage", None),
    "/users/<user_id>/sessions/<int:number>/end": ("users.manage", None),
    "/users/<user_id>/sessions/end": ("users.manage", None),
    "/users/<user_id>/second-factor/reset": ("users.manage", None),
    "/account/sessions/<int:number>/end": ("account.show", None),
    "/account/sessions/end-others": ("account.show", None),
    "/account/second-factor/recovery-codes": ("second_factor.show", None),
    "/account/second-factor/remove": ("second_factor.show", None),
    "/gallery/faces/<face_id>/label": ("gallery.face", None),
    "/gallery/faces/<face_id>/removal": ("gallery.face", None),
    "/gallery/imports/empty": ("imports.list_all", None),
    "/gallery/imports/<import_id>/photos": ("imports.show", None),
    "/gallery/imports/<import_id>/labels": ("imports.show", None),
    "/gallery/imports/<import_id>/check": ("imports.show", None),
    "/gallery/imports/<import_id>/build": ("imports.show", None),
    "/gallery/imports/<import_id>/addition": ("imports.show", None),
    "/gallery/imports/<import_id>/deletion": ("imports.list_all", None),
    "/audit/verify": ("audit.show", None),
    "/notifications/retry": ("notifications.show", None),
    "/tokens/<token_id>/revoke": ("tokens.show", None),
}
"""POST-only rule to endpoint and fragment of the form's page. A refused form is shown at the address it was
sent to; without these, reloading that address would return 405.
"""


def lead(**values: str | int) -> ResponseReturnValue:
    """Redirect to the page of the form."""
    rule = request.url_rule
    assert rule is not None  # noqa: S101 - for mypy; the view was found by it
    endpoint, place = PAGE_OF[rule.rule]
    taken: dict[str, Any] = {
        name: value
        for name, value in values.items()
        if current_app.url_map.is_endpoint_expecting(endpoint, name)
    }
    return redirect(url_for(endpoint, _anchor=place, **taken), 303)


for _rule in PAGE_OF:
    blueprint.add_url_rule(_rule, "lead", lead, methods=["GET"])
