"""Reads are events, which name a case by a pseudonym that can be erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_pseudonyms",
        sa.Column("case_reference", sa.String(64), nullable=False),
        sa.Column("pseudonym", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("case_reference", name="pk_case_pseudonyms"),
        sa.UniqueConstraint("pseudonym", name="uq_case_pseudonyms_pseudonym"),
    )


def downgrade() -> None:
    op.drop_table("case_pseudonyms")
