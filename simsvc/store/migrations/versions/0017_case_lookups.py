"""Case pages look up records by photo."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_estimates_photo_sha256", "estimates", ["photo_sha256"])


def downgrade() -> None:
    op.drop_index("ix_estimates_photo_sha256", "estimates")
