"""Neighbours keep the model's estimate of their age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("neighbours", sa.Column("estimated_age_years", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("neighbours", "estimated_age_years")
