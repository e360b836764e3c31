"""Deliver notifications: each at least once, later again where a receiver does not answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from simsvc.errors import DeliveryFailed
from simsvc.values.notifications import Channel, Notification

AT_ONCE = 20
"""Deliveries of one run, so that a run between two photos of a batch stays short."""
BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
    timedelta(hours=24),
)
"""Waits after each failed attempt. Chosen: together almost three days, which outlasts a weekend's outage."""
KEPT = timedelta(days=30)
"""How long a notification stays in the database after it was delivered or given up."""

_log = logging.getLogger(__name__)
Deliver = Callable[[Notification, str | None], None]
"""Delivers a notification, a mail to the address; raises DeliveryFailed."""


class NotificationBook(Protocol):
    """Keeps notifications. Every method is one transaction and raises StoreError."""

    def claim(self, now: datetime, count: int) -> list[tuple[Notification, str | None]]:
        """Take notifications that are due, with the recipient's mail address."""

    def sent(self, notification_id: str, now: datetime) -> None:
        """Note a delivery."""

    def retry(self, notification_id: str, problem: str, next_at: datetime) -> None:
        """Note a failure, and when to try again."""

    def fail(self, notification_id: str, problem: str, now: datetime) -> None:
        """Give a notification up."""

    def put_back(self, notification_id: str) -> None:
        """Give back a notification whose delivery was not tried."""

    def forget(self, before: datetime) -> None:
        """Delete notifications that ended before a moment."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a run did: notifications that were sent, those to try again, and those given up."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Notifier:
    """Dependencies of deliveries; `note_overdue` adds notifications of referrals that became overdue."""

    book: NotificationBook
    note_overdue: Callable[[datetime], int]
    channels: Mapping[Channel, Deliver]
    now: Callable[[], datetime]

    def run(self) -> Delivered:
        """Note what became overdue, and deliver what is due.

        After a channel fails once, its other notifications wait for the next run: a receiver that does not
        answer would hold up each of them.
        """
        self.note_overdue(self.now())
        counts = {"sent": 0, "postponed": 0, "failed": 0}
        down: set[Channel] = set()
        for notification, address in self.book.claim(self.now(), AT_ONCE):
            if notification.channel in down:
                self.book.put_back(notification.id)
                continue
            try:
                self._deliver(notification, address)
            except DeliveryFailed as failure:
                counts[self._note_failure(notification, failure)] += 1
                if failure.reason != "recipient":
                    down.add(notification.channel)
            else:
                self.book.sent(notification.id, self.now())
                counts["sent"] += 1
        self.book.forget(self.now() - KEPT)
        return Delivered(**counts)

    def _deliver(self, notification: Notification, address: str | None) -> None:
        deliver = self.channels.get(notification.channel)
        if deliver is None:
            raise DeliveryFailed("not_set_up", channel=notification.channel)
        if notification.channel == "mail" and address is None:
            raise DeliveryFailed("recipient", problem="the account has no mail address")
        deliver(notification, address)

    def _note_failure(self, notification: Notification, failure: DeliveryFailed) -> str:
        _log.warning("notification %s, attempt %s: %s", notification.id, notification.attempts, failure)
        if notification.attempts > len(BACKOFF):
            self.book.fail(notification.id, str(failure), self.now())
            return "failed"
        wait = BACKOFF[notification.attempts - 1]
        self.book.retry(notification.id, str(failure), self.now() + wait)
        return "postponed"
