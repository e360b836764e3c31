"""Webhooks: signed JSON by HTTP POST."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from simsvc.errors import DeliveryFailed
from simsvc.values.notifications import Notification

SIGNATURE = "Simsvc-Signature"
TIMEOUT_S = 10.0
"""Longest wait for each read or write. Chosen: receivers should queue what they get and answer at once."""


class Webhook:
    """Posts notifications to one address."""

    def __init__(self, url: str, secret: str, now_s: Callable[[], float] = time.time) -> None:
        self._url = url
        self._secret = secret
        self._now_s = now_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, notification: Notification, address: str | None = None) -> None:
        """Post a notification; raises DeliveryFailed unless the answer is 200 to 299."""
        del address
        body = json.dumps({"id": notification.id, **notification.content}).encode()
        request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
            self._url,
            data=body,
            method="POST",
            headers={
                "Content-Type": "application/json",
                "User-Agent": "simsvc",
                SIGNATURE: signature(body, self._secret, int(self._now_s())),
            },
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
            reason = getattr(error, "reason", error)
            raise DeliveryFailed("unreachable", problem=f"{type(reason).__name__}: {reason}") from None
        if not 200 <= status < 300:
            raise DeliveryFailed("status", status=status)


def signature(body: bytes, secret: str, timestamp_s: int) -> str:
    """Return the header that proves who sent a body, and when.

    Source: Stripe, "Verify webhook signatures manually": HMAC-SHA256 of "<timestamp>.<body>".
    """
    digest = hmac.digest(secret.encode(), f"{timestamp_s}.".encode() + body, hashlib.sha256).hex()
    return f"t={timestamp_s},v1={digest}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect as an answer that is no success: the address is set by the operator, not by others."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""
        return
