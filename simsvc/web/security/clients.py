"""Where an attempt to sign in comes from: a network, and a browser that may have signed in before.

The browser is known by a cookie of 256 random bits, set when it opened an account and worth nothing but its
own count of failures; see `domain.accounts.sign_in`. Of cookie and address only digests go into the database.
Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from datetime import timedelta

from flask import Response, current_app, request

from simsvc.domain.accounts.sign_in import KNOWN_FOR
from simsvc.values import Client
from simsvc.web.http.current import services

COOKIE_BYTES = 32
"""256 bits. Source: OWASP Session Management Cheat Sheet asks for 64 at least."""
PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")
IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a network, of which a machine may take any address. Source: RFC 4291."""


class Visit:
    """The client of the request at hand, which keeps or gets a cookie once it has opened an account."""

    def __init__(self) -> None:
        sent = request.cookies.get(_cookie_name(), "")
        self._cookie = sent if PATTERN.fullmatch(sent) else secrets.token_urlsafe(COOKIE_BYTES)
        self.client = Client(
            network=_digest(network_of(request.remote_addr)),
            device=hashlib.sha256(self._cookie.encode()).hexdigest(),
        )

    def remember(self, response: Response) -> None:
        """Let the browser be known from now on."""
        response.set_cookie(
            _cookie_name(),
            self._cookie,
            max_age=int(KNOWN_FOR / timedelta(seconds=1)),
            httponly=True,
            samesite="Lax",
            secure=services().settings.tls,
        )


def network_of(address: str | None) -> str:
    """Return the network that an address counts as: an IPv4 address itself, of IPv6 its first half."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _cookie_name() -> str:
    return "__Host-simsvc-browser" if services().settings.tls else "simsvc-browser"


def _digest(network: str) -> str:
    """Return a digest that nobody can reverse by trying all addresses, without the key."""
    key = str(current_app.secret_key).encode()
    return hmac.new(key, network.encode(), "sha256").hexdigest()
