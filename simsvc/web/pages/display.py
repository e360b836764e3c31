"""/display: choose language and theme, without scripts."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue

from simsvc.web.http.current import services
from simsvc.web.http.prefix import cookie_path
from simsvc.web.i18n.language import LANGUAGE_COOKIE, LANGUAGES, THEME_COOKIE, THEMES
from simsvc.web.security.csrf import target_of

blueprint = Blueprint("display", __name__)

A_YEAR_S = 365 * 24 * 3600


@blueprint.post("/display")
def choose() -> ResponseReturnValue:
    """Store the language or theme in a cookie and redirect back."""
    response = redirect(target_of(request.form.get("next")), 303)
    language, theme = request.form.get("language"), request.form.get("theme")
    if language in LANGUAGES:
        _keep(response, LANGUAGE_COOKIE, language)
    if theme in THEMES:
        _keep(response, THEME_COOKIE, theme)
    return response


def _keep(response: object, name: str, value: str) -> None:
    assert isinstance(response, Response)  # noqa: S101 - for mypy: Flask's redirect returns Werkzeug's type
    secure = services().settings.tls
    response.set_cookie(
        name, value, max_age=A_YEAR_S, path=cookie_path(), httponly=True, samesite="Lax", secure=secure
    )
