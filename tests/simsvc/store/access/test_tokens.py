from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from simsvc.errors import StoreNotMigrated
from simsvc.store.access.tokens import TokenStore
from simsvc.store.database import Database
from simsvc.values.access.tokens import Token

IST = timezone(timedelta(hours=5, minutes=30))
MADE_AT = datetime(2026, 3, 1, 4, 5, 6, 7, tzinfo=IST)
TOKEN = Token("0a1b2c3d4e5f", "Zoë's 100%", ("estimate", "audit"), MADE_AT, None, MADE_AT + timedelta(days=9))


def test_a_token_comes_back_as_it_went_in(database: Database) -> None:
    """Times, scopes, nulls and text are read back, times in UTC; an unknown id has no token."""
    store = TokenStore(database)
    store.add(TOKEN, "f" * 64)
    found = store.find(TOKEN.id)
    assert found == (TOKEN, "f" * 64)
    assert found[0].created_at.tzinfo is UTC
    assert store.find("000000000000") is None


def test_missing_tables_name_the_command(tmp_path: Path) -> None:
    """An unmigrated database says `flask db upgrade`."""
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    with pytest.raises(StoreNotMigrated, match="flask db upgrade"):
        TokenStore(database).find(TOKEN.id)
