"""Webhooks: signed JSON by HTTP POST."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable

from simsvc.adapters.sending.http_client import request
from simsvc.errors import DeliveryFailed
from simsvc.values.notifications import Notification

SIGNATURE = "Simsvc-Signature"


class Webhook:
    """Posts notifications to one address."""

    def __init__(self, url: str, secret: str, now_s: Callable[[], float] = time.time) -> None:
        self._url = url
        self._secret = secret
        self._now_s = now_s

    def __call__(self, notification: Notification, address: str | None = None) -> None:
        """Post a notification; raises DeliveryFailed unless the answer is 200 to 299."""
        del address
        body = json.dumps({"id": notification.id, **notification.content}).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(body, self._secret, int(self._now_s())),
        }
        answer = request("POST", self._url, body, headers)
        if not answer.is_success:
            raise DeliveryFailed("status", status=answer.status)


def signature(body: bytes, secret: str, timestamp_s: int) -> str:
    """Return the header that proves who sent a body, and when.

    Source: Stripe, "Verify webhook signatures manually": HMAC-SHA256 of "<timestamp>.<body>".
    """
    digest = hmac.digest(secret.encode(), f"{timestamp_s}.".encode() + body, hashlib.sha256).hex()
    return f"t={timestamp_s},v1={digest}"
