from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, column, select, table

from simsvc.errors import StoreNotMigrated
from simsvc.store.database import Database
from simsvc.store.prepared import Lookup
from simsvc.store.tables import Table
from simsvc.store.tokens import TokenRow, TokenStore
from simsvc.values.tokens import Token

TOKENS = Table.metadata.tables[TokenRow.__tablename__]
IST = timezone(timedelta(hours=5, minutes=30))
MADE_AT = datetime(2026, 3, 1, 4, 5, 6, 7, tzinfo=IST)
TOKEN = Token("0a1b2c3d4e5f", "Zoë's 100%", ("estimate", "audit"), MADE_AT, None, MADE_AT + timedelta(days=9))


def test_a_row_is_found_as_sqlalchemy_reads_it(database: Database) -> None:
    """Times, JSON, nulls and text come back alike; of an unknown value there is no row."""
    TokenStore(database).add(TOKEN, "f" * 64)
    by_id = Lookup(select(TOKENS).where(TOKENS.c.public_id == bindparam("asked")), "asked")
    with database.asking() as connection:
        found = by_id.first(connection, TOKEN.id)
        assert found is not None
        assert vars(found) == dict(connection.execute(select(TOKENS)).mappings().one())
        assert found.created_at == MADE_AT.astimezone(UTC)
        assert by_id.first(connection, "000000000000") is None


def test_a_missing_table_is_told(database: Database) -> None:
    """It gives the error that says what to do, as everywhere."""
    nowhere = Lookup(
        select(column("a")).select_from(table("nowhere")).where(column("a") == bindparam("b")), "b"
    )
    with pytest.raises(StoreNotMigrated), database.asking() as connection:
        nowhere.first(connection, "c")
