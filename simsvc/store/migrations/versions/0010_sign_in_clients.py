"""Failed sign-ins by client, tokens of closed accounts revoked, and erasures that are not finished."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_clients",
        sa.Column("account", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("client", sa.String(80), nullable=False),
        sa.Column("failed", sa.Double(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account", "client", name="pk_sign_in_clients"),
        sa.ForeignKeyConstraint(["account"], ["users.sequence"], name="fk_sign_in_clients_account_users"),
    )
    op.create_table(
        "unfinished_erasures",
        sa.Column("event", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event", name="pk_unfinished_erasures"),
        sa.ForeignKeyConstraint(["event"], ["events.seq"], name="fk_unfinished_erasures_event_events"),
    )
    op.execute(
        "UPDATE tokens SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL AND created_by IN "
        "(SELECT public_id FROM users WHERE disabled_at IS NOT NULL)"
    )
    op.drop_column("users", "locked_until")
    op.drop_column("users", "failed")


def downgrade() -> None:
    op.add_column("users", sa.Column("failed", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("users", sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True))
    op.drop_table("unfinished_erasures")
    op.drop_table("sign_in_clients")
