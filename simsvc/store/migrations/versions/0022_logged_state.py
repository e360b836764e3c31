"""The log says what accounts, tokens, builds, switches and batches are like now, so that all are covered.

Later events say each change; `flask audit verify` compares the tables with the latest word.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from simsvc.domain.audit.chain import SALT_BYTES, canonical, content_sha256, next_event
from simsvc.domain.audit.state import STATE, account_keys_sha256, contact_facts, photo_result, utc_text
from simsvc.store.tables import UtcDateTime
from simsvc.values.events import COMMAND, PROGRAM, Event, EventKind, NewEvent, actor_of

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LOCK = 0x5153_5643
"""`store.audit_append.LOCK`: no other process may log meanwhile."""


def upgrade() -> None:
    if op.get_context().as_sql:
        return
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    state = {
        "users": _users(connection),
        "tokens": _tokens(connection),
        "builds": _builds(connection),
        "index_switches": _index_switches(connection),
        "model_switches": _model_switches(connection),
        "batches": _batches(connection),
    }
    if not any(state.values()):
        return
    _append(connection, NewEvent(EventKind.SETTINGS, COMMAND, STATE, state))
    for batch_id, results in _ended(connection):
        content = {"what": "ended", "results": results}
        _append(connection, NewEvent(EventKind.BATCH, PROGRAM, f"batch:{batch_id}", content))


def downgrade() -> None:
    """Leave the events: a log is only ever added to."""


def _users(connection: sa.Connection) -> dict[str, Any]:
    names = (
        *("public_id", "role", "disabled_at", "team", "mail_address", "password_hash", "link_sha256"),
        *("oidc_issuer", "oidc_subject", "totp_secret", "totp_set_at"),
    )
    return {
        row.public_id: {
            "role": row.role,
            "disabled": row.disabled_at is not None,
            "second_factor": row.totp_set_at is not None,
            "keys_sha256": account_keys_sha256(
                row.password_hash, row.link_sha256, row.oidc_issuer, row.oidc_subject, row.totp_secret
            ),
            **contact_facts(row.team, row.mail_address),
        }
        for row in connection.execute(sa.select(_table("users", *names)))
    }


def _tokens(connection: sa.Connection) -> dict[str, Any]:
    table = sa.table(
        "tokens",
        sa.column("public_id"),
        sa.column("scopes", sa.JSON()),
        sa.column("expires_at", UtcDateTime()),
        sa.column("revoked_at"),
        sa.column("secret_sha256"),
    )
    return {
        row.public_id: {
            "scopes": sorted(row.scopes),
            "expires_at": utc_text(row.expires_at),
            "revoked": row.revoked_at is not None,
            "secret_sha256": row.secret_sha256,
        }
        for row in connection.execute(sa.select(table))
    }


def _builds(connection: sa.Connection) -> dict[str, Any]:
    table = _table("builds", "label", "manifest_sha256", "model_sha256", "count")
    facts = sa.select(
        table.c.label, table.c.manifest_sha256, table.c.model_sha256, table.c["count"].label("faces")
    )
    return {
        row.label: {name: getattr(row, name) for name in ("manifest_sha256", "model_sha256", "faces")}
        for row in connection.execute(facts)
    }


def _index_switches(connection: sa.Connection) -> dict[str, Any]:
    table = _table("index_switches", "sequence", "label", "previous", "switched_by")
    return {
        str(row.sequence): {
            "label": row.label,
            "previous": row.previous,
            "by": actor_of(row.switched_by) if row.switched_by else COMMAND,
        }
        for row in connection.execute(sa.select(table))
    }


def _model_switches(connection: sa.Connection) -> dict[str, Any]:
    names = ("bundle_sha256", "model_sha256", "version")
    return {
        str(row.sequence): {name: getattr(row, name) for name in names}
        for row in connection.execute(sa.select(_table("model_switches", "sequence", *names)))
    }


def _batches(connection: sa.Connection) -> dict[str, Any]:
    batches, photos = _table("batches", "sequence", "public_id", "asked_by"), _table("batch_photos", "batch")
    count = sa.select(sa.func.count()).select_from(photos).where(photos.c.batch == batches.c.sequence)
    query = sa.select(batches.c.public_id, batches.c.asked_by, count.scalar_subquery().label("photos"))
    return {
        row.public_id: {"photos": row.photos, "by": actor_of(row.asked_by)}
        for row in connection.execute(query)
    }


def _ended(connection: sa.Connection) -> list[tuple[str, list[str]]]:
    """Return the batches of which no photo waits, with what became of their photos."""
    batches = _table("batches", "sequence", "public_id")
    photos = _table("batch_photos", "batch", "position", "status", "code", "estimate_id")
    found: dict[str, list[str]] = {}
    waiting: set[str] = set()
    query = sa.select(batches.c.public_id, photos.c.status, photos.c.code, photos.c.estimate_id)
    query = query.join_from(batches, photos, photos.c.batch == batches.c.sequence)
    for row in connection.execute(query.order_by(photos.c.batch, photos.c.position)):
        found.setdefault(row.public_id, []).append(photo_result(row.status, row.code, row.estimate_id))
        if row.status == "waiting":
            waiting.add(row.public_id)
    return [(batch_id, results) for batch_id, results in found.items() if batch_id not in waiting]


def _append(connection: sa.Connection, new: NewEvent) -> None:
    """Append an event. Only the columns of this revision: later tables may look otherwise."""
    names = ("seq", "at", "kind", "actor", "subject", "content_sha256", "previous_sha256", "sha256")
    events = _table("events", *names)
    row = connection.execute(sa.select(events).order_by(events.c.seq.desc()).limit(1)).one_or_none()
    content, salt = canonical(new.content), secrets.token_bytes(SALT_BYTES)
    last = Event(*row) if row else None
    event: Mapping[str, Any] = asdict(next_event(new, datetime.now(UTC), content_sha256(salt, content), last))
    connection.execute(events.insert(), event)
    connection.execute(
        _table("event_contents", "seq", "salt", "content").insert(),
        {"seq": event["seq"], "salt": salt, "content": content},
    )


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
