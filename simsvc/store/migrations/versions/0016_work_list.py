"""Records keep what the work list asks for: outcome, verdict, kind and time of the decision. Saved views."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from simsvc.domain.desk.declared import declared_age
from simsvc.domain.desk.verdict import verdict
from simsvc.messages import Message
from simsvc.store.tables import UtcDateTime
from simsvc.values import Declaration, Estimate

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1_000
COLUMNS = ("outcome", "verdict", "decision")
PARTS = {
    "ix_estimates_refused": (["outcome", "created_at"], "outcome = 'refused'"),
    "ix_estimates_withheld": (["outcome", "created_at"], "outcome = 'withheld'"),
    "ix_estimates_undecided": (["decision", "sequence"], "decision IS NULL"),
    "ix_estimates_undecided_outside": (
        ["decision", "verdict", "sequence"],
        "decision IS NULL AND verdict = 'outside'",
    ),
    "ix_estimates_undecided_withheld": (
        ["decision", "outcome", "sequence"],
        "decision IS NULL AND outcome = 'withheld'",
    ),
    "ix_estimates_decision": (["decision", "decided_at"], "decision IS NOT NULL"),
    "ix_estimates_decided_at": (["decided_at"], "decided_at IS NOT NULL"),
}
OUTCOME = """UPDATE estimates SET outcome = CASE WHEN status = 'refused' THEN 'refused'
WHEN refer_reason IS NOT NULL THEN 'withheld' ELSE 'estimated' END"""
DECISION = """UPDATE estimates SET (decision, decided_at) = (SELECT kind, created_at FROM decisions
WHERE decisions.estimate = estimates.sequence ORDER BY number DESC LIMIT 1)"""


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("estimates", sa.Column(name, sa.String(16), nullable=True))
    op.add_column("estimates", sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(OUTCOME)
    op.execute(DECISION)
    if not op.get_context().as_sql:
        _fill_verdicts()
    op.drop_index("ix_estimates_created_at", "estimates")
    op.create_index("ix_estimates_created_at", "estimates", ["created_at", "age_years", "outcome"])
    op.create_index("ix_estimates_verdict", "estimates", ["verdict", "created_at"])
    for name, (columns, condition) in PARTS.items():
        where = sa.text(condition)
        op.create_index(name, "estimates", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_decisions_kind", "decisions", ["kind", "created_at"])
    op.create_index("ix_batch_photos_estimate_id", "batch_photos", ["estimate_id"])
    op.create_table(
        "saved_views",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_saved_views"),
        sa.UniqueConstraint("public_id", name="uq_saved_views_public_id"),
        sa.UniqueConstraint("user_id", "name", name="uq_saved_views_user_id"),
    )


def downgrade() -> None:
    op.drop_table("saved_views")
    op.drop_index("ix_batch_photos_estimate_id", "batch_photos")
    op.drop_index("ix_decisions_kind", "decisions")
    for name in (*PARTS, "ix_estimates_verdict", "ix_estimates_created_at"):
        op.drop_index(name, "estimates")
    op.create_index("ix_estimates_created_at", "estimates", ["created_at"])
    for name in (*COLUMNS, "decided_at"):
        op.drop_column("estimates", name)


def _fill_verdicts() -> None:
    """Write the verdict of every record with a declared birth date, some at a time."""
    table = sa.table(
        "estimates",
        *(sa.column(name) for name in ("sequence", "status", "age_years", "refer_reason", "verdict")),
        *(sa.column(name) for name in ("interval_low_years", "interval_high_years")),
        *(sa.column(name, sa.Date()) for name in ("birth_date", "photo_date")),
        sa.column("created_at", UtcDateTime()),
    )
    change = table.update().where(table.c.sequence == sa.bindparam("at"))
    query = sa.select(table).where(table.c.birth_date.is_not(None)).order_by(table.c.sequence)
    last = 0
    while rows := _rows(query.where(table.c.sequence > last).limit(ROWS_AT_ONCE)):
        last = rows[-1].sequence
        found = [{"at": row.sequence, "verdict": _verdict(row)} for row in rows]
        op.get_bind().execute(change, found)


def _rows(query: sa.Select[Any]) -> list[sa.Row[Any]]:
    return list(op.get_bind().execute(query).all())


def _verdict(row: sa.Row[Any]) -> str | None:
    ends = (row.interval_low_years, row.interval_high_years)
    estimate = Estimate(
        photo_name="",
        photo_sha256="",
        status=row.status,
        age_years=row.age_years,
        interval_years=None if None in ends else ends,
        coverage=None if None in ends else 0.0,
        refer_reason=Message(row.refer_reason) if row.refer_reason is not None else None,
    )
    declared = Declaration(None, row.birth_date, row.photo_date)
    return verdict(declared_age(declared, row.created_at.date()), estimate)
