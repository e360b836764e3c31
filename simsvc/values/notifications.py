"""Notifications on referrals, by webhook and by mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

NotificationKind = Literal["referral.sent", "referral.answered", "referral.returned", "referral.overdue"]
NOTIFICATION_KINDS: tuple[NotificationKind, ...] = get_args(NotificationKind)
Channel = Literal["webhook", "mail"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification that waits, was sent, or failed for good; times are UTC.

    Attributes:
        id: public: 32 hex digits; the same in every attempt, so that a receiver can leave out repetitions.
        recipient: public id of the account that gets the mail; None for a webhook.
        content: ids and kinds, ready for JSON; nothing about the applicant.
        attempts: how many deliveries were tried.
        problem: why the last one failed, or None.
    """

    id: str
    kind: NotificationKind
    channel: Channel
    recipient: str | None
    content: Mapping[str, Any]
    created_at: datetime
    attempts: int = 0
    failed_at: datetime | None = None
    problem: str | None = None
