"""Forms against forgery, and where a form may lead afterwards."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from simsvc.domain.accounts.session_age import LONGEST
from simsvc.errors import CookieMissing, FormExpired, FormFromElsewhere, PasswordRefused
from simsvc.web.http.errors import answer
from simsvc.web.http.refilled_form import FIELDS, typed_page
from simsvc.web.security.scopes import SCOPES_OF
from simsvc.web.security.sessions import has_cookie

OWN_SITES = ("same-origin", "none")
"""What Sec-Fetch-Site says of a form of our own, or of one that a person sends again."""


def register(app: Flask) -> None:
    """Ask every form for the token of its session."""
    app.config["WTF_CSRF_TIME_LIMIT"] = int(LONGEST.total_seconds())
    app.config["WTF_CSRF_SSL_STRICT"] = False  # it refuses who sends no Referer; see `comes_from_here`
    app.before_request(_check_origin)
    CSRFProtect(app)
    app.register_error_handler(CSRFError, _expired)


def comes_from_here() -> bool:
    """Say whether the browser says that the form at hand is one of ours, or says nothing about it.

    Who sends no Referer, as privacy settings have it, sends "Origin: null" with it. The form's token is asked
    for in any case.

    Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Fetch Metadata headers" and "Verifying
    Origin With Standard Headers"; W3C, Fetch Metadata Request Headers.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in OWN_SITES
    said = request.headers.get("Origin", "null")
    said = (request.referrer or "") if said == "null" else said
    if not said or not request.is_secure:
        return True
    parts = urlsplit(said)
    return (parts.scheme, parts.netloc) == (request.scheme, request.host)


def _check_origin() -> None:
    if request.method == "POST" and request.endpoint not in SCOPES_OF and not comes_from_here():
        raise FormFromElsewhere()


def local_path(text: str | None) -> str:
    """Return a path of this host that a form may lead to, or "/" for anything else.

    Source: OWASP Unvalidated Redirects and Forwards Cheat Sheet. Browsers read a backslash as a slash, and
    leave out control characters.
    """
    text = text or ""
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return "/"
    parts = urlsplit(text)
    return "/" if parts.scheme or parts.netloc else text


def target_of(text: str | None) -> str:
    """Return a path below this service's prefix that a form may lead to; the first page for anything else."""
    root, path = request.script_root, local_path(text)
    if ".." in path.lower().replace("%2e", ".").partition("?")[0].split("/"):
        path = "/"
    return path if not root or path.startswith(f"{root}/") else root + path


def typed_twice() -> str:
    """Return the new password of the form at hand.

    Raises:
        PasswordRefused: its two fields differ.
    """
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise PasswordRefused("differ")
    return password


def _expired(error: Exception) -> ResponseReturnValue:
    """Answer like every typed error; what the token lacked is nobody's business."""
    del error
    if request.endpoint in FIELDS:
        return typed_page()
    return answer(FormExpired() if has_cookie() else CookieMissing())
