"""Forms against forgery, and where a form may lead afterwards."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from simsvc.errors import FormExpired, PasswordRefused
from simsvc.web.api.document import RESOURCES
from simsvc.web.errors import answer
from simsvc.web.sessions import LONGEST
from simsvc.web.typed import FIELDS, typed_page


def register(app: Flask) -> None:
    """Ask every form for the token of its session. The API takes no cookie, so it needs none."""
    app.config["WTF_CSRF_TIME_LIMIT"] = int(LONGEST.total_seconds())
    protect = CSRFProtect(app)
    for resource in RESOURCES:
        protect.exempt(resource)
    app.register_error_handler(CSRFError, _expired)


def local_path(text: str | None) -> str:
    """Return a path of this service that a form may lead to, or "/" for anything else.

    Source: OWASP Unvalidated Redirects and Forwards Cheat Sheet. Browsers read a backslash as a slash, and
    leave out control characters.
    """
    if (
        not text
        or not text.startswith("/")
        or text.startswith("//")
        or "\\" in text
        or not text.isprintable()
    ):
        return "/"
    parts = urlsplit(text)
    return "/" if parts.scheme or parts.netloc else text


def typed_twice() -> str:
    """Return the new password of the form at hand.

    Raises:
        PasswordRefused: its two fields differ.
    """
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise PasswordRefused("The two passwords differ. Type the new password twice.")
    return password


def _expired(error: Exception) -> ResponseReturnValue:
    """Answer like every typed error; what the token lacked is nobody's business."""
    del error
    expired = FormExpired(
        "The form was open for too long, or belongs to a session that has ended. Nothing was changed, "
        "and nothing on record was lost. Go back, reload the page and send the form again."
    )
    return typed_page() if request.endpoint in FIELDS else answer(expired)
