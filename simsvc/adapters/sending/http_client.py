"""Small HTTP requests to receivers that the operator named."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from simsvc.adapters.sending.network_problem import network_problem
from simsvc.errors import DeliveryFailed

TIMEOUT_S = 10.0
"""Longest wait for each read or write. Chosen: receivers should queue what they get and answer at once."""
MOST_ANSWER_BYTES = 65_536
"""Read of an answer at most; a signed note with its cosignatures has some 500 bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer, whatever the status."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300


def request(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> Answer:
    """Send a request to an HTTP or HTTPS address and return its answer; follows no redirects.

    A user and password in the address are sent by Basic authentication (RFC 7617).

    Raises:
        DeliveryFailed: there was no answer.
    """
    address, credentials = _without_credentials(url)
    every = {"User-Agent": "simsvc", **credentials, **headers}
    asked = urllib.request.Request(address, data=body, method=method, headers=every)  # noqa: S310 - http(s) only, by the settings
    try:
        with _OPENER.open(asked, timeout=TIMEOUT_S) as answer:
            return Answer(answer.status, answer.read(MOST_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _rest(error))
    except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
        reason = getattr(error, "reason", error)
        raise DeliveryFailed("unreachable", problem=network_problem(reason)) from None


def without_secrets(url: str) -> str:
    """Return an address for logs: without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _without_credentials(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    given, _, host = parts.netloc.rpartition("@")
    address = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    if not given:
        return address, {}
    encoded = base64.b64encode(unquote(given).encode()).decode()
    return address, {"Authorization": f"Basic {encoded}"}


def _rest(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(MOST_ANSWER_BYTES)
    except (OSError, HTTPException):
        return b""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect as an answer that is no success: the address is set by the operator, not by others."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""
        return


_OPENER = urllib.request.build_opener(_NoRedirect)
