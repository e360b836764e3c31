"""Who may call which route: one table, and the check before every request. What is not listed is refused."""

from __future__ import annotations

from typing import Any, Literal

from flask import Flask, g, redirect, request, url_for
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue

from simsvc.errors import NotPermitted
from simsvc.values import ROLES, Role
from simsvc.web.http.current import services, visitor
from simsvc.web.http.errors import is_for_program
from simsvc.web.http.refilled_form import FIELDS, typed_page
from simsvc.web.security import sessions
from simsvc.web.security.readers import reader_of_person, reader_of_token
from simsvc.web.security.scopes import SCOPES_OF, require

READ = frozenset[Role](ROLES)
ASK = frozenset[Role]({"underwriter", "admin"})
KEEP = frozenset[Role]({"admin"})
AUDIT = frozenset[Role]({"auditor", "admin"})

Access = frozenset[Role] | Literal["file", "anyone"]
"""The roles that may, or: "file", for which no session is looked at; "anyone", signed in or not."""

_ENDPOINTS: dict[Access, str] = {
    # metrics.show asks for a token
    "file": """
        static
        health.healthz health.readyz metrics.show
        """,
    # `opening` only leads on to pages in this table
    "anyone": """
        display.choose opening.lead
        api_reference.show api_reference.objects
        sign_in.form sign_in.enter sign_in.welcome sign_in.accept
        sign_in.ask_code sign_in.enter_code
        oidc.begin oidc.finish
        """,
    READ: """
        sign_in.leave account.show account.change
        home.show
        search.show
        account.end_session account.end_others
        confirming.resume
        second_factor.show second_factor.set_up second_factor.renew second_factor.remove
        pages.show pages.compare decisions.sheet
        cases.show
        cases.faces
        reports.case evidence.case
        reports.verify
        history.show history.export
        history.save_view history.delete_view
        pictures.thumbnail
        pictures.crop pictures.saliency pictures.plot pictures.face
        gallery.show model.show indexes.show
        gallery.face indexes.compare
        batches.list_all batches.show batches.results
        learning.glossary_page
        fairness.show
        referrals.list_all
        batches.template
        """,
    ASK: """
        pages.start
        pages.create pages.preview
        decisions.create
        batches.create
        learning.samples learning.make_samples
        referrals.act
        batches.decide
        """,
    AUDIT: """
        imports.list_all imports.show imports.picture
        audit.show audit.verify audit.checkpoint audit.export
        replays.show replays.create
        who_looked.record who_looked.case
        """,
    KEEP: """
        indexes.use
        gallery.relabel gallery.remove
        imports.create imports.begin imports.add imports.revise imports.check imports.build imports.delete
        imports.add_live
        erasing.estimate erasing.erase_estimate erasing.case erasing.erase_case
        users.show users.add users.disable users.enable users.invite
        users.manage users.change_role users.end_session users.end_sessions users.reset_second_factor
        settings.show
        tokens.show tokens.add tokens.revoke
        users.set_contact
        notifications.show notifications.retry
        """,
}
ACCESS: dict[str, Access] = {name: who for who, names in _ENDPOINTS.items() for name in names.split()}
"""Endpoint to who may call it. What programs call stands in `web.security.scopes`: no session opens it."""

WITHOUT_FACTOR = frozenset({"second_factor.show", "second_factor.set_up", "sign_in.leave", "display.choose"})
"""What an account may call before it has set up a second factor that it needs."""


def register(app: Flask) -> None:
    """Check every request before its view is called; let templates ask what the visitor may do."""
    app.before_request(check)
    app.add_template_global(may)


def may(endpoint: str) -> bool:
    """Say whether the visitor may call an endpoint."""
    allowed, user = ACCESS.get(endpoint), visitor()
    if isinstance(allowed, frozenset):
        return user is not None and user.role in allowed
    return allowed is not None


def check() -> ResponseReturnValue | None:
    """Find out who sends the request at hand; return where to lead who is to sign in first, else None.

    Raises:
        NotPermitted: the role does not allow it.
        TokenRefused: a program has no token in force.
        ScopeMissing: its token has no scope that allows this.
        StoreError: the database cannot be used.
    """
    g.pop("services", None)
    endpoint = request.endpoint
    allowed = ACCESS.get(endpoint) if endpoint else "anyone"  # no endpoint: a page that says 404
    if endpoint in SCOPES_OF:
        if (scopes := SCOPES_OF[endpoint]) is not None:
            require(scopes)
            g.services = services().seen_by(reader_of_token(g.token))
        return None
    if allowed == "file" or (endpoint is None and is_for_program(request.path)):
        return None
    g.user = sessions.find_person()
    if g.user is not None:
        g.services = services().seen_by(reader_of_person(g.user, services().settings.case_access))
    if allowed == "anyone" or (endpoint and may(endpoint)):
        return _to_set_up(str(endpoint))
    if g.user is None and allowed is not None:
        return typed_page() if endpoint in FIELDS else _to_sign_in()
    raise NotPermitted("page")


def _to_set_up(endpoint: str) -> ResponseReturnValue | None:
    """Lead accounts that need a second factor to its page; the OpenID provider takes care of its own."""
    held = sessions.current_session()
    if held is None or services().settings.second_factor != "required" or held.method == "oidc":
        return None
    if held.user.second_factor_at is not None or endpoint in WITHOUT_FACTOR:
        return None
    return redirect(url_for("second_factor.show"), 303)


def _to_sign_in() -> ResponseReturnValue:
    """Lead to the sign-in page, which leads back; a form that was sent leads back to where it stood."""
    page = _page()
    words: dict[str, Any] = {} if page == request.script_root + "/" else {"next": page}
    if g.get("session_ended"):
        words["ended"] = g.session_ended
    return redirect(url_for("sign_in.form", **words), 303)


def _page() -> str:
    if request.method in {"GET", "HEAD"}:
        return request.script_root + request.full_path.rstrip("?")
    adapter = request_ctx.url_adapter
    if adapter and adapter.test(request.path, "GET"):
        return request.script_root + request.path
    return request.script_root + "/"
