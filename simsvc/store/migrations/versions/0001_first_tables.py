"""First tables: faces, builds, estimates, neighbours, crops."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _faces_and_builds()
    _estimates()
    _evidence()


def _faces_and_builds() -> None:
    op.create_table(
        "faces",
        sa.Column("face_id", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(512), nullable=False),
        sa.Column("age_years", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("face_id", name="pk_faces"),
    )
    op.create_index("ix_faces_source", "faces", ["source"])
    op.create_table(
        "builds",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("label", sa.String(130), nullable=False),
        sa.Column("index_name", sa.String(64), nullable=False),
        sa.Column("build_id", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_builds"),
        sa.UniqueConstraint("label", name="uq_builds_label"),
    )


def _estimates() -> None:
    op.create_table(
        "estimates",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("sentence", sa.String(), nullable=True),
        sa.Column("photo_name", sa.String(255), nullable=False),
        sa.Column("photo_sha256", sa.String(64), nullable=False),
        sa.Column("age_years", sa.Double(), nullable=True),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.String(128), nullable=True),
        sa.Column("model_sha256", sa.String(64), nullable=True),
        sa.Column("index_label", sa.String(130), nullable=True),
        sa.Column("ms", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_estimates"),
        sa.UniqueConstraint("public_id", name="uq_estimates_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_estimates_created_at", "estimates", ["created_at"])
    op.create_index("ix_estimates_photo_sha256", "estimates", ["photo_sha256"])


def _evidence() -> None:
    op.create_table(
        "neighbours",
        sa.Column("estimate", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("face_id", sa.String(64), nullable=False),
        sa.Column("age_years", sa.Double(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["estimate"],
            ["estimates.sequence"],
            name="fk_neighbours_estimate_estimates",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("estimate", "rank", name="pk_neighbours"),
    )
    op.create_index("ix_neighbours_face_id", "neighbours", ["face_id"])
    op.create_table(
        "crops",
        sa.Column("estimate", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["estimate"], ["estimates.sequence"], name="fk_crops_estimate_estimates", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("estimate", name="pk_crops"),
    )


def downgrade() -> None:
    for table in ("crops", "neighbours", "estimates", "builds", "faces"):
        op.drop_table(table)
