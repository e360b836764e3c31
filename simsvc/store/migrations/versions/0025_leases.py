"""Waiting photos of batches are leased by the workers that judge them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

WAITING = sa.text("status = 'waiting'")


def upgrade() -> None:
    op.add_column("batch_photos", sa.Column("leased_by", sa.String(64), nullable=True))
    op.add_column("batch_photos", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_batch_photos_waiting",
        "batch_photos",
        ["batch", "attempts", "position"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def downgrade() -> None:
    op.drop_index("ix_batch_photos_waiting", "batch_photos")
    op.drop_column("batch_photos", "lease_until")
    op.drop_column("batch_photos", "leased_by")
