"""Tokens of programs, their idempotency keys, and the embeddings of estimates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(32), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_tokens"),
        sa.UniqueConstraint("public_id", name="uq_tokens_public_id"),
    )
    op.create_table(
        "request_keys",
        sa.Column("token", sa.String(12), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", "key", "position", name="pk_request_keys"),
    )
    op.create_index("ix_request_keys_result", "request_keys", ["result"])
    op.create_table(
        "embeddings",
        sa.Column("estimate", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("estimate", name="pk_embeddings"),
        sa.ForeignKeyConstraint(
            ["estimate"], ["estimates.sequence"], name="fk_embeddings_estimate_estimates", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("embeddings")
    op.drop_table("request_keys")
    op.drop_table("tokens")
