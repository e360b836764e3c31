"""Case and declared dates of an estimate, empty in older rows; decisions, which are only ever added."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEVER_CHANGE = {
    "sqlite": (
        "CREATE TRIGGER decisions_never_change BEFORE UPDATE ON decisions "
        "BEGIN SELECT RAISE(ABORT, 'decisions are superseded, never changed'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION decisions_never_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'decisions are superseded, never changed'; END $$",
        "CREATE TRIGGER decisions_never_change BEFORE UPDATE ON decisions "
        "FOR EACH ROW EXECUTE FUNCTION decisions_never_change()",
    ),
}


def upgrade() -> None:
    op.add_column("estimates", sa.Column("case_reference", sa.String(64), nullable=True))
    op.add_column("estimates", sa.Column("birth_date", sa.Date(), nullable=True))
    op.add_column("estimates", sa.Column("photo_date", sa.Date(), nullable=True))
    op.create_index("ix_estimates_case_reference", "estimates", ["case_reference"])
    op.create_table(
        "decisions",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("estimate", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("age_years", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["estimate"], ["estimates.sequence"], name="fk_decisions_estimate_estimates", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_decisions"),
        sa.UniqueConstraint("estimate", "number", name="uq_decisions_estimate"),
    )
    op.create_index("ix_decisions_decided_by", "decisions", ["decided_by"])
    for statement in NEVER_CHANGE[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("decisions")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION decisions_never_change()")
    op.drop_index("ix_estimates_case_reference", "estimates")
    for name in ("photo_date", "birth_date", "case_reference"):
        op.drop_column("estimates", name)
