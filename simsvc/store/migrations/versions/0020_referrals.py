"""Records are sent to people and teams, and what is to be told of that waits to be delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.add_column("users", sa.Column("team", sa.String(64), nullable=True))
    op.add_column("users", sa.Column("mail_address", sa.String(254), nullable=True))
    _create_referrals()
    _create_comments()
    _create_notifications()


def downgrade() -> None:
    for name in ("notifications", "referral_comments", "referrals"):
        op.drop_table(name)
    op.drop_column("users", "mail_address")
    op.drop_column("users", "team")


def _create_referrals() -> None:
    op.create_table(
        "referrals",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("estimate", sa.Integer(), nullable=False),
        sa.Column("sent_by", sa.String(32), nullable=False),
        sa.Column("assignee", sa.String(32), nullable=True),
        sa.Column("team", sa.String(64), nullable=True),
        sa.Column("second_opinion", sa.Boolean(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_referrals"),
        sa.UniqueConstraint("public_id", name="uq_referrals_public_id"),
        sa.ForeignKeyConstraint(
            ["estimate"], ["estimates.sequence"], name="fk_referrals_estimate_estimates", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_referrals_estimate", "referrals", ["estimate"])
    op.create_index("ix_referrals_assignee", "referrals", ["assignee", "state"])
    op.create_index("ix_referrals_team", "referrals", ["team", "state"])
    op.create_index("ix_referrals_sent_by", "referrals", ["sent_by", "state"])
    op.create_index(
        "uq_referrals_open", "referrals", ["estimate"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )


def _create_comments() -> None:
    op.create_table(
        "referral_comments",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("referral", sa.Integer(), nullable=False),
        sa.Column("estimate", sa.Integer(), nullable=False),
        sa.Column("written_by", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_referral_comments"),
        sa.ForeignKeyConstraint(
            ["referral"],
            ["referrals.sequence"],
            name="fk_referral_comments_referral_referrals",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["estimate"],
            ["estimates.sequence"],
            name="fk_referral_comments_estimate_estimates",
            ondelete="CASCADE",
        ),
    )
    for column in ("referral", "estimate"):
        op.create_index(f"ix_referral_comments_{column}", "referral_comments", [column])


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("recipient", sa.String(32), nullable=True),
        sa.Column("estimate_id", sa.String(32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_notifications"),
        sa.UniqueConstraint("public_id", name="uq_notifications_public_id"),
    )
    op.create_index("ix_notifications_estimate_id", "notifications", ["estimate_id"])
    op.create_index("ix_notifications_due", "notifications", ["sent_at", "failed_at", "next_at"])
