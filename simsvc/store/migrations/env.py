"""Alembic's entry: runs migrations on the connection that `simsvc.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from simsvc.store import hosts, request_keys, sent_forms
from simsvc.store.access import second_factors, sessions, tokens
from simsvc.store.audit import log_tiles
from simsvc.store.desk import saved_views
from simsvc.store.index import face_sets, pointer
from simsvc.store.records import embeddings
from simsvc.store.reviews import notifications, referral_rows
from simsvc.store.tables import Table

TABLES = (
    *(tokens, request_keys, saved_views, sent_forms, embeddings, sessions, second_factors),
    *(referral_rows, notifications, log_tiles, face_sets, pointer, hosts),
)
"""Modules whose tables the metadata would not know without their import."""


def run() -> None:
    connection = context.config.attributes["connection"]
    # batch mode copies a table where SQLite cannot alter it
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
