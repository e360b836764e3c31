"""What replay needs to know, photos that are kept, erased estimates, models that were in service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("estimates", sa.Column("face_changes", sa.Integer(), nullable=True))
    op.add_column("estimates", sa.Column("bundle_sha256", sa.String(64), nullable=True))
    op.create_table(
        "photos",
        sa.Column("estimate", sa.Integer(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("estimate", name="pk_photos"),
        sa.ForeignKeyConstraint(
            ["estimate"], ["estimates.sequence"], name="fk_photos_estimate_estimates", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_photos_kept_at", "photos", ["kept_at"])
    op.create_table(
        "erased_estimates",
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("public_id", name="pk_erased_estimates"),
    )
    op.create_table(
        "model_switches",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bundle_sha256", sa.String(64), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_model_switches"),
    )


def downgrade() -> None:
    for name in ("model_switches", "erased_estimates", "photos"):
        op.drop_table(name)
    for name in ("bundle_sha256", "face_changes"):
        op.drop_column("estimates", name)
