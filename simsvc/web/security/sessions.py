"""Signed-in sessions: how they begin, how long they last, what ends them."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from simsvc.values import User
from simsvc.web.http.current import services
from simsvc.web.http.prefix import cookie_path

LONGEST = timedelta(hours=12)
"""A session ends then, however busy. Source: NIST SP 800-63B, section 4.2.3, which also asks for an end after
30 minutes without use: the default of `Settings.idle_minutes`."""
SEEN_EVERY_S = 60
"""How stale the time of last use in the cookie may get: not every picture needs a new cookie."""
SINCE, SEEN = "since", "seen"


class PrefixedSessions(SecureCookieSessionInterface):
    """Flask's sessions, whose cookie below a prefix belongs to that path alone.

    Another service at the same address neither reads nor replaces it. A name that begins with __Host- is for
    the whole address, one with __Secure- for a path.

    Source: RFC 6265bis, section 4.1.3, "Cookie Name Prefixes".
    """

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name."""
        name = super().get_cookie_name(app)
        return name.replace("__Host-", "__Secure-") if request.script_root else name

    def get_cookie_path(self, app: Flask) -> str:
        """Return the cookie's path."""
        del app
        return cookie_path()


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """An account as Flask-Login knows it."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        """Return what the session holds: the account and the epoch that the session began in."""
        return f"{self.user.id}.{self.user.epoch}"


def register(app: Flask) -> None:
    """Give the application its sessions, signed and kept in a cookie that no script can read."""
    settings = app.extensions["simsvc"].settings
    app.config.update(
        SECRET_KEY=app.extensions["simsvc"].secret_key(),
        SESSION_COOKIE_NAME="__Host-simsvc" if settings.tls else "simsvc",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.tls,
    )
    app.session_interface = PrefixedSessions()
    manager = LoginManager()
    manager.session_protection = None  # it ties sessions to an address, and phones change theirs
    manager.user_loader(_load)
    manager.init_app(app, add_context_processor=False)  # error pages must not ask the database who reads them


def has_cookie() -> bool:
    """Say whether the request at hand brings the cookie of a session, whatever is in it."""
    return current_app.session_interface.get_cookie_name(current_app) in request.cookies


def begin(user: User) -> None:
    """Begin a session of the account; nothing of the session before survives, so that none can be planted.

    Source: OWASP Session Management Cheat Sheet, "Renew the Session ID After Any Privilege Level Change".
    """
    session.clear()
    login_user(SignedIn(user))
    session[SINCE] = session[SEEN] = _now_s()
    g.user = user


def end() -> None:
    """End every session of the account that is signed in, so that a copied cookie is worth nothing."""
    if g.get("user") is not None:
        services().users.end_sessions(g.user.id)
    logout_user()
    session.clear()
    g.user = None


def find_person() -> User | None:
    """Return whose session this is; one that has lasted too long ends here and leaves `g.session_ended`."""
    if "_user_id" not in session:
        return None
    if _outlasted() or not current_user.is_authenticated:
        session.clear()
        g.session_ended = True
        return None
    if _now_s() - session[SEEN] >= SEEN_EVERY_S:
        session[SEEN] = _now_s()
    user: User = current_user.user
    return user


def _outlasted() -> bool:
    now, idle = _now_s(), timedelta(minutes=services().settings.idle_minutes)
    since, seen = session.get(SINCE, 0), session.get(SEEN, 0)
    return bool(now - since >= LONGEST.total_seconds() or now - seen >= idle.total_seconds())


def _now_s() -> int:
    return int(services().now().timestamp())


def _load(session_id: str) -> SignedIn | None:
    user_id, _, epoch = session_id.partition(".")
    user = services().users.find(user_id)
    return None if user is None or user.disabled or str(user.epoch) != epoch else SignedIn(user)
