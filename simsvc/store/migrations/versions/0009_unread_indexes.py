"""Indexes that no query reads go: keeping them took a third of the pages that a record writes."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_neighbours_face_id", "neighbours")
    op.drop_index("ix_estimates_photo_sha256", "estimates")


def downgrade() -> None:
    op.create_index("ix_estimates_photo_sha256", "estimates", ["photo_sha256"])
    op.create_index("ix_neighbours_face_id", "neighbours", ["face_id"])
