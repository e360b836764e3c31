"""The tables of referrals."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.store.tables import Table, UtcDateTime

_OPEN = text("state = 'open'")


class ReferralRow(Table):
    """A record sent to a person or to a team's queue. Of one record, at most one is open."""

    __tablename__ = "referrals"
    __table_args__ = (
        Index("uq_referrals_open", "estimate", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_referrals_assignee", "assignee", "state"),
        Index("ix_referrals_team", "team", "state"),
        Index("ix_referrals_sent_by", "sent_by", "state"),
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    estimate: Mapped[int] = mapped_column(ForeignKey("estimates.sequence", ondelete="CASCADE"), index=True)
    sent_by: Mapped[str] = mapped_column(String(32))
    assignee: Mapped[str | None] = mapped_column(String(32))
    """Public id of the account. No foreign key: as in other tables, records outlive accounts."""
    team: Mapped[str | None] = mapped_column(String(64))
    second_opinion: Mapped[bool]
    due_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    overdue_noted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When people were notified that it is overdue; emptied when it goes to somebody else."""


class ReferralCommentRow(Table):
    """A comment on a referral; rows are added, never changed."""

    __tablename__ = "referral_comments"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    referral: Mapped[int] = mapped_column(ForeignKey("referrals.sequence", ondelete="CASCADE"), index=True)
    estimate: Mapped[int] = mapped_column(ForeignKey("estimates.sequence", ondelete="CASCADE"), index=True)
    written_by: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
