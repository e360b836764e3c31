"""Where events are streamed to: syslog or a webhook."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence

from simsvc.adapters.sending.http_client import request, without_secrets
from simsvc.adapters.sending.syslog import Syslog
from simsvc.adapters.sending.webhook import SIGNATURE, signature
from simsvc.domain.audit.streaming import json_line, syslog_message
from simsvc.errors import DeliveryFailed
from simsvc.values.events import LoggedEvent


class SyslogSink:
    """Sends each event as a message of RFC 5424."""

    def __init__(self, url: str, with_content: bool) -> None:
        self._syslog = Syslog(url)
        self._with_content = with_content
        self.name = self._syslog.name

    def __call__(self, events: Sequence[LoggedEvent]) -> None:
        """Send events in order; raises DeliveryFailed."""
        host, process = socket.gethostname(), os.getpid()
        self._syslog.send([syslog_message(event, self._with_content, host, process) for event in events])


class WebhookSink:
    """Posts events as JSON Lines, signed like notifications."""

    def __init__(
        self, url: str, secret: str, with_content: bool, now_s: Callable[[], float] = time.time
    ) -> None:
        self._url = url
        self._secret = secret
        self._with_content = with_content
        self._now_s = now_s
        self.name = without_secrets(url)

    def __call__(self, events: Sequence[LoggedEvent]) -> None:
        """Post events in order; raises DeliveryFailed unless the answer is 200 to 299."""
        body = b"".join(json_line(event, self._with_content) for event in events)
        headers = {
            "Content-Type": "application/jsonl",
            SIGNATURE: signature(body, self._secret, int(self._now_s())),
        }
        answer = request("POST", self._url, body, headers)
        if not answer.is_success:
            raise DeliveryFailed("status", status=answer.status)
