"""Signed-in sessions: how they begin, how long they last, what ends them.

The cookie holds a random ID. The database holds its digest, so that a session can be listed and ended.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from typing import Any

from flask import Flask, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from simsvc.domain.accounts.session_age import HALF_WAY, SEEN_EVERY
from simsvc.domain.accounts.user_agent import browser_words
from simsvc.store.access.sessions import NewSession
from simsvc.values import SignedSession, SignInMethod, User
from simsvc.web.http.current import services
from simsvc.web.http.prefix import cookie_path

ID_BYTES = 32
"""256 bits. Source: OWASP Session Management Cheat Sheet asks for 64 at least."""
EARLIER_ID = re.compile(r"[0-9a-f]{32}\.\d+")
"""What cookies held before sessions were in the database."""
IPV4_PREFIX, IPV6_PREFIX = 24, 48
"""Bits of an address that are kept: enough to recognise one's own network, not to name a machine. Source: IP
masking of Google Analytics, which keeps the same bits."""
HALF = "half"


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
    """A session as Flask-Login knows it."""

    def __init__(self, session_id: str, held: SignedSession | None = None) -> None:
        self.session_id = session_id
        self.held = held

    def get_id(self) -> str:
        """Return what the cookie holds."""
        return self.session_id


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


def new_id() -> str:
    """Return a random ID for a session."""
    return secrets.token_urlsafe(ID_BYTES)


def digest(session_id: str) -> str:
    """Return the digest by which the database knows a session."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def begin(user: User, method: SignInMethod) -> None:
    """Begin a session of the account; nothing of the session before survives, so that none can be planted.

    Source: OWASP Session Management Cheat Sheet, "Renew the Session ID After Any Privilege Level Change".
    """
    session.clear()
    session_id, words = new_id(), browser_words(request.headers.get("User-Agent", ""))
    new = NewSession(digest(session_id), user, method, *words, network_prefix(request.remote_addr))
    services().sessions.begin(new, services().now())
    login_user(SignedIn(session_id))
    g.user = user


def begin_half(user: User, method: SignInMethod) -> None:
    """Remember that all but the code of the second factor was right; nothing is open yet."""
    session.clear()
    session[HALF] = {"id": user.id, "epoch": user.epoch, "at": _now_s(), "method": method}


def half_signed_in() -> tuple[User, SignInMethod] | None:
    """Return whose code is asked for, and how the sign-in began; None where that is over."""
    half: dict[str, Any] = session.get(HALF, {})
    if not half or _now_s() - half["at"] >= HALF_WAY.total_seconds():
        return None
    user = services().users.find(half["id"])
    if user is None or user.disabled or user.epoch != half["epoch"]:
        return None
    return user, half["method"]


def end() -> None:
    """End the session at hand, so that a copied cookie is worth nothing."""
    held = current_session()
    if held is not None:
        services().sessions.sign_out(held)
    logout_user()
    session.clear()
    g.user = g.signed_session = None


def find_person() -> User | None:
    """Return whose session this is; one that is over ends here and leaves `g.session_ended`."""
    if "_user_id" not in session:
        return None
    if not current_user.is_authenticated:
        g.session_ended = "upgrade" if EARLIER_ID.fullmatch(str(session["_user_id"])) else "1"
        session.clear()
        return None
    held: SignedSession = current_user.held
    now = services().now()
    if now - held.seen_at >= SEEN_EVERY:
        services().sessions.seen(held.number, now)
    g.signed_session = held
    return held.user


def current_session() -> SignedSession | None:
    """Return the session at hand, or None."""
    held: SignedSession | None = g.get("signed_session")
    return held


def network_prefix(address: str | None) -> str:
    """Return the network of an address, such as "192.0.2.0/24", or "" if unknown."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((parsed, bits), strict=False))


def _now_s() -> int:
    return int(services().now().timestamp())


def _load(session_id: str) -> SignedIn | None:
    held = services().sessions.find(digest(session_id), services().now())
    return SignedIn(session_id, held) if held else None
