"""Alembic's entry: runs migrations on the connection that `simsvc.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from simsvc.store import (
    embeddings,
    log_tiles,
    notifications,
    referral_rows,
    request_keys,
    saved_views,
    second_factors,
    sent_forms,
    sessions,
    tokens,
)
from simsvc.store.tables import Table

TABLES = (
    *(tokens, request_keys, saved_views, sent_forms, embeddings, sessions, second_factors),
    *(referral_rows, notifications, log_tiles),
)
"""Modules whose tables the metadata would not know without their import."""


def run() -> None:
    connection = context.config.attributes["connection"]
    # batch mode copies a table where SQLite cannot alter it
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
