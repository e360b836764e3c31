"""Signed-in sessions, second factors, recovery codes and identities of the OpenID provider."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NEW_COLUMNS: dict[str, Any] = {
    "totp_secret": sa.LargeBinary(),
    "totp_set_at": sa.DateTime(timezone=True),
    "totp_last_step": sa.BigInteger(),
    "oidc_issuer": sa.String(255),
    "oidc_subject": sa.String(255),
}
"""Of the table users."""


def upgrade() -> None:
    for name, kind in NEW_COLUMNS.items():
        op.add_column("users", sa.Column(name, kind, nullable=True))
    op.create_index("ix_users_oidc", "users", ["oidc_issuer", "oidc_subject"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id_sha256", sa.String(64), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("browser", sa.String(32), nullable=False),
        sa.Column("system", sa.String(32), nullable=False),
        sa.Column("network", sa.String(49), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_sessions"),
        sa.UniqueConstraint("id_sha256", name="uq_sessions_id_sha256"),
        sa.ForeignKeyConstraint(["account"], ["users.sequence"], name="fk_sessions_account_users"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_account", "sessions", ["account"])
    op.create_table(
        "recovery_codes",
        sa.Column("code_sha256", sa.String(64), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code_sha256", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(["account"], ["users.sequence"], name="fk_recovery_codes_account_users"),
    )
    op.create_index("ix_recovery_codes_account", "recovery_codes", ["account"])


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("sessions")
    op.drop_index("ix_users_oidc", "users")
    with op.batch_alter_table("users") as table:
        for name in NEW_COLUMNS:
            table.drop_column(name)
