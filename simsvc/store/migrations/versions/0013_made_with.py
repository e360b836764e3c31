"""Estimates say which engine made them, with which prior over ages, and how doubtful they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("estimates", sa.Column("made_with", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("estimates", "made_with")
