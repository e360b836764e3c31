"""What an estimate says about itself: interval, evidence, support, quality, referral; empty in older rows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("interval_low_years", sa.Double()),
    ("interval_high_years", sa.Double()),
    ("coverage", sa.Double()),
    ("neighbours_age_years", sa.Double()),
    ("neighbours_close", sa.Integer()),
    ("neighbours_count", sa.Integer()),
    ("support", sa.Double()),
    ("refer_reason", sa.String()),
    ("quality", sa.JSON()),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("estimates", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("estimates", name)
