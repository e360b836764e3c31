"""Notifications to send: written in the transaction of what they tell of, delivered later.

Source: the transactional outbox pattern: what happened and that it is to be told are on record together, so
that neither a crash nor a receiver that does not answer loses one of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import JSON, ColumnElement, CursorResult, Index, String, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.store.database import Store
from simsvc.store.tables import Table, UserRow, UtcDateTime
from simsvc.values.notifications import Channel, Notification, NotificationKind
from simsvc.values.referrals import Referral

PROBLEM_CHARACTERS = 255
LEASE = timedelta(minutes=5)
"""How long one process has for a delivery before another may try: longer than every timeout of a delivery."""


class NotificationRow(Table):
    """A notification for one receiver; of ids and kinds only."""

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_due", "sent_at", "failed_at", "next_at"),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(16))
    recipient: Mapped[str | None] = mapped_column(String(32))
    estimate_id: Mapped[str] = mapped_column(String(32), index=True)
    """Public id of the record. No foreign key: erasing it deletes these rows by name."""
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(String(PROBLEM_CHARACTERS))


class Outbox:
    """Writes notifications for the channels that are set up."""

    def __init__(self, channels: Collection[Channel] = ()) -> None:
        self._channels = frozenset(channels)

    def put(
        self, session: Session, kind: NotificationKind, referral: Referral, by: str, now: datetime
    ) -> None:
        """Add what is to be told of a referral to the caller's transaction; nobody is told of her own act."""
        content = _content(kind, referral, by, now)
        if "webhook" in self._channels:
            session.add(_row(kind, "webhook", None, content, now))
        if "mail" in self._channels:
            people = session.scalars(_recipients(kind, referral, by))
            session.add_all(_row(kind, "mail", person, content, now) for person in people)


class NotificationStore(Store):
    """Hands notifications out for delivery, and remembers what became of them."""

    def claim(self, now: datetime, count: int) -> list[tuple[Notification, str | None]]:
        """Take notifications that are due, each with the recipient's mail address, if she has one.

        Nobody else gets them until `LEASE` is over, also if this process ends before it delivers them.
        """
        due = (
            select(NotificationRow)
            .where(_WAITING, NotificationRow.next_at <= now)
            .order_by(NotificationRow.next_at, NotificationRow.sequence)
            .limit(count)
            .with_for_update(skip_locked=True)
        )
        with self._database.transaction() as session:
            rows = session.scalars(due).all()
            for row in rows:
                row.attempts += 1
                row.next_at = now + LEASE
            addresses = _addresses(session, [row.recipient for row in rows])
            return [(_notification(row), addresses.get(row.recipient or "")) for row in rows]

    def sent(self, notification_id: str, now: datetime) -> None:
        """Note that a notification was delivered."""
        self._change(notification_id, sent_at=now, problem=None)

    def retry(self, notification_id: str, problem: str, next_at: datetime) -> None:
        """Note why a delivery failed, and when to try again."""
        self._change(notification_id, problem=problem[:PROBLEM_CHARACTERS], next_at=next_at)

    def fail(self, notification_id: str, problem: str, now: datetime) -> None:
        """Note that a notification is given up."""
        self._change(notification_id, problem=problem[:PROBLEM_CHARACTERS], failed_at=now)

    def put_back(self, notification_id: str) -> None:
        """Give back a notification whose delivery was not tried."""
        attempts = NotificationRow.attempts - 1
        self._change(notification_id, attempts=attempts, next_at=NotificationRow.created_at)

    def failed(self, count: int) -> tuple[Notification, ...]:
        """Return the notifications that were given up, the latest first."""
        rows = select(NotificationRow).where(NotificationRow.failed_at.is_not(None))
        newest = rows.order_by(NotificationRow.failed_at.desc(), NotificationRow.sequence.desc()).limit(count)
        with self._database.reading() as session:
            return tuple(_notification(row) for row in session.scalars(newest))

    def counts(self) -> tuple[int, int]:
        """Return how many wait, and how many were given up."""
        failed = NotificationRow.failed_at.is_not(None)
        with self._database.reading() as session:
            waiting, given_up = (
                session.scalar(select(func.count()).select_from(NotificationRow).where(which)) or 0
                for which in (_WAITING, failed)
            )
        return waiting, given_up

    def try_failed_again(self, now: datetime) -> int:
        """Let every notification that was given up be delivered again; return how many."""
        again = update(NotificationRow).where(NotificationRow.failed_at.is_not(None))
        with self._database.transaction() as session:
            changed = session.execute(again.values(failed_at=None, attempts=0, next_at=now))
            return cast("CursorResult[Any]", changed).rowcount

    def forget(self, before: datetime) -> None:
        """Delete notifications that were delivered or given up before a moment."""
        old = or_(NotificationRow.sent_at < before, NotificationRow.failed_at < before)
        with self._database.transaction() as session:
            session.execute(delete(NotificationRow).where(old))

    def _change(self, notification_id: str, **values: Any) -> None:
        with self._database.transaction() as session:
            which = NotificationRow.public_id == notification_id
            session.execute(update(NotificationRow).where(which).values(**values))


_WAITING: ColumnElement[bool] = NotificationRow.sent_at.is_(None) & NotificationRow.failed_at.is_(None)


def _content(kind: NotificationKind, referral: Referral, by: str, now: datetime) -> dict[str, Any]:
    return {
        "type": kind,
        "created_at": now.isoformat(timespec="seconds"),
        "referral": referral.id,
        "estimate": referral.estimate_id,
        "by": by or None,
        "sent_by": referral.sent_by,
        "assignee": referral.assignee,
        "team": referral.team,
        "due": referral.due_on.isoformat() if referral.due_on else None,
        "second_opinion": referral.second_opinion,
    }


def _row(
    kind: NotificationKind, channel: Channel, recipient: str | None, content: dict[str, Any], now: datetime
) -> NotificationRow:
    return NotificationRow(
        public_id=uuid.uuid4().hex,
        kind=kind,
        channel=channel,
        recipient=recipient,
        estimate_id=content["estimate"],
        content=content,
        created_at=now,
        attempts=0,
        next_at=now,
    )


def _recipients(kind: NotificationKind, referral: Referral, by: str) -> Any:
    """Select the accounts to tell that have a mail address: the addressee, the sender, or both."""
    to_addressee = UserRow.public_id == referral.assignee
    if referral.assignee is None:
        to_addressee = UserRow.team == referral.team
    to_sender = UserRow.public_id == referral.sent_by
    which = {"referral.sent": to_addressee, "referral.overdue": or_(to_addressee, to_sender)}
    able = UserRow.mail_address.is_not(None) & UserRow.disabled_at.is_(None) & (UserRow.role != "auditor")
    told = which.get(kind, to_sender)
    return select(UserRow.public_id).where(told, able, UserRow.public_id != by).order_by(UserRow.sequence)


def _addresses(session: Session, people: Sequence[str | None]) -> dict[str, str]:
    wanted = [person for person in people if person]
    query = select(UserRow.public_id, UserRow.mail_address).where(UserRow.public_id.in_(wanted))
    open_accounts = query.where(UserRow.disabled_at.is_(None), UserRow.mail_address.is_not(None))
    return {row.public_id: row.mail_address for row in session.execute(open_accounts)} if wanted else {}


def _notification(row: NotificationRow) -> Notification:
    return Notification(
        id=row.public_id,
        kind=cast("NotificationKind", row.kind),
        channel=cast("Channel", row.channel),
        recipient=row.recipient,
        content=row.content,
        created_at=row.created_at,
        attempts=row.attempts,
        failed_at=row.failed_at,
        problem=row.problem,
    )
