"""Photos of batches declare dates and know their bytes, and a batch says what it left out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("notes", sa.Text(), nullable=True))
    op.add_column("batch_photos", sa.Column("birth_date", sa.Date(), nullable=True))
    op.add_column("batch_photos", sa.Column("photo_date", sa.Date(), nullable=True))
    op.add_column("batch_photos", sa.Column("size_bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("batch_photos", "size_bytes")
    op.drop_column("batch_photos", "photo_date")
    op.drop_column("batch_photos", "birth_date")
    op.drop_column("batches", "notes")
