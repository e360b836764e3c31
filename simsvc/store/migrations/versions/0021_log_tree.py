"""The log's tree: tiles, signed checkpoints and public keys. The next start makes the first checkpoint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

GUARDS = {
    "sqlite": (
        "CREATE TRIGGER log_checkpoints_never_change BEFORE UPDATE ON log_checkpoints "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END",
        "CREATE TRIGGER log_checkpoints_never_go BEFORE DELETE ON log_checkpoints "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END",
    ),
    "postgresql": (
        "CREATE TRIGGER log_checkpoints_never_change BEFORE UPDATE OR DELETE ON log_checkpoints "
        "FOR EACH ROW EXECUTE FUNCTION log_never_changes()",
        "CREATE TRIGGER log_checkpoints_never_go BEFORE TRUNCATE ON log_checkpoints "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_never_changes()",
    ),
}


def upgrade() -> None:
    op.create_table(
        "log_tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_log_tiles"),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_log_checkpoints"),
    )
    op.create_table(
        "log_keys",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("since_size", sa.Integer(), nullable=False),
        sa.Column("until_size", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="pk_log_keys"),
    )
    for statement in GUARDS[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for name in ("log_keys", "log_checkpoints", "log_tiles"):
        op.drop_table(name)
