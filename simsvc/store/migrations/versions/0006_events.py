"""The log: a chain of events, and what they say beside it. Its first event says which records are older."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from simsvc.domain.audit.chain import SALT_BYTES, canonical, content_sha256, next_event
from simsvc.values.events import COMMAND, EventKind, NewEvent

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GUARDS = {
    "sqlite": (
        "CREATE TRIGGER events_never_change BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END",
        "CREATE TRIGGER events_never_go BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END",
        # also stops REPLACE, which deletes without asking the trigger above
        "CREATE TRIGGER events_follow BEFORE INSERT ON events "
        "WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM events) OR NEW.previous_sha256 IS NOT "
        "COALESCE((SELECT sha256 FROM events ORDER BY seq DESC LIMIT 1), hex(zeroblob(32))) "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to, at its end'); END",
        "CREATE TRIGGER event_contents_never_change BEFORE UPDATE ON event_contents "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END",
        "CREATE TRIGGER event_contents_once BEFORE INSERT ON event_contents "
        "WHEN EXISTS (SELECT 1 FROM event_contents WHERE seq = NEW.seq) "
        "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END",
        "CREATE TRIGGER event_contents_stay BEFORE DELETE ON event_contents "
        "WHEN (SELECT kind FROM events WHERE seq = OLD.seq) IN ('erasure', 'retention', 'settings') "
        "BEGIN SELECT RAISE(ABORT, 'receipts and settings are never erased'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION log_never_changes() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log is only ever added to'; END $$",
        "CREATE FUNCTION events_follow() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE last events%ROWTYPE; "
        "BEGIN SELECT * INTO last FROM events ORDER BY seq DESC LIMIT 1; "
        "IF NEW.seq <> COALESCE(last.seq, 0) + 1 "
        "OR NEW.previous_sha256 <> COALESCE(last.sha256, repeat('0', 64)) "
        "THEN RAISE EXCEPTION 'the log is only ever added to, at its end'; END IF; RETURN NEW; END $$",
        "CREATE FUNCTION event_contents_stay() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF (SELECT kind FROM events WHERE seq = OLD.seq) IN ('erasure', 'retention', 'settings') "
        "THEN RAISE EXCEPTION 'receipts and settings are never erased'; END IF; RETURN OLD; END $$",
        "CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE ON events "
        "FOR EACH ROW EXECUTE FUNCTION log_never_changes()",
        "CREATE TRIGGER events_never_go BEFORE TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_never_changes()",
        "CREATE TRIGGER events_follow BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_follow()",
        "CREATE TRIGGER event_contents_never_change BEFORE UPDATE ON event_contents "
        "FOR EACH ROW EXECUTE FUNCTION log_never_changes()",
        "CREATE TRIGGER event_contents_never_go BEFORE TRUNCATE ON event_contents "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_never_changes()",
        "CREATE TRIGGER event_contents_stay BEFORE DELETE ON event_contents "
        "FOR EACH ROW EXECUTE FUNCTION event_contents_stay()",
    ),
}


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(160), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("previous_sha256", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("sha256", name="uq_events_sha256"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_kind", "events", ["kind"])
    op.create_index("ix_events_subject", "events", ["subject", "kind"])
    op.create_table(
        "event_contents",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event_contents"),
        sa.ForeignKeyConstraint(["seq"], ["events.seq"], name="fk_event_contents_seq_events"),
    )
    for statement in GUARDS[op.get_context().dialect.name]:
        op.execute(statement)
    if not op.get_context().as_sql:
        _begin()


def _begin() -> None:
    """Log the first event. Only the tables of this revision: later ones may look otherwise."""
    connection = op.get_bind()
    older = {
        table: connection.scalar(
            sa.select(sa.func.coalesce(sa.func.max(sa.column("sequence")), 0)).select_from(sa.table(table))
        )
        for table in ("estimates", "decisions")
    }
    new = NewEvent(EventKind.SETTINGS, COMMAND, "log", {"not_logged_up_to": older})
    content, salt = canonical(new.content), secrets.token_bytes(SALT_BYTES)
    event = asdict(next_event(new, datetime.now(UTC), content_sha256(salt, content), last=None))
    connection.execute(_table("events", *event).insert(), event)
    connection.execute(
        _table("event_contents", "seq", "salt", "content").insert(),
        {"seq": event["seq"], "salt": salt, "content": content},
    )


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))


def downgrade() -> None:
    op.drop_table("event_contents")
    op.drop_table("events")
    if op.get_context().dialect.name == "postgresql":
        for name in ("log_never_changes", "events_follow", "event_contents_stay"):
            op.execute(f"DROP FUNCTION {name}()")
