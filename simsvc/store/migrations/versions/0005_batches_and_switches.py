"""Batches of photos, and who put which index build into service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(32), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_batches"),
        sa.UniqueConstraint("public_id", name="uq_batches_public_id"),
    )
    op.create_table(
        "batch_photos",
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("photo_name", sa.String(255), nullable=False),
        sa.Column("case_reference", sa.String(64), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("sentence", sa.String(), nullable=True),
        sa.Column("estimate_id", sa.String(32), nullable=True),
        sa.Column("age_years", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("batch", "position", name="pk_batch_photos"),
        sa.ForeignKeyConstraint(
            ["batch"], ["batches.sequence"], name="fk_batch_photos_batch_batches", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_batch_photos_batch_status", "batch_photos", ["batch", "status"])
    op.create_table(
        "index_switches",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("label", sa.String(130), nullable=False),
        sa.Column("previous", sa.String(130), nullable=True),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("switched_by", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_index_switches"),
    )


def downgrade() -> None:
    op.drop_table("index_switches")
    op.drop_table("batch_photos")
    op.drop_table("batches")
