"""Estimates keep the model's own age and what the site calibration did; neighbours keep its age of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("estimates", sa.Column("raw_age_years", sa.Double(), nullable=True))
    op.add_column("estimates", sa.Column("calibration", sa.JSON(), nullable=True))
    op.add_column("neighbours", sa.Column("estimated_age_years", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("neighbours", "estimated_age_years")
    op.drop_column("estimates", "calibration")
    op.drop_column("estimates", "raw_age_years")
