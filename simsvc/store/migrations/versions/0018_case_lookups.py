"""Case pages look up records by photo, and batches by record."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_estimates_photo_sha256", "estimates", ["photo_sha256"])
    op.create_index("ix_batch_photos_estimate_id", "batch_photos", ["estimate_id"])


def downgrade() -> None:
    op.drop_index("ix_batch_photos_estimate_id", "batch_photos")
    op.drop_index("ix_estimates_photo_sha256", "estimates")
