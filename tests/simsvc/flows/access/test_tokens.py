from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from simsvc.errors import TokenNotFound, TokenRefused
from simsvc.flows.access.tokens import Tokens
from simsvc.store.access.tokens import TokenStore
from simsvc.store.database import Database
from simsvc.values.access.tokens import TokenDraft
from tests.databases import sqlite_database

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DRAFT = TokenDraft("audit tool", ("audit",), 30)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_database(tmp_path / "store.sqlite3"))
    yield database
    database.close()


@pytest.fixture
def tokens(database: Database, clock: Clock) -> Tokens:
    return Tokens(TokenStore(database), clock)


def test_a_token_opens_until_it_expires(tokens: Tokens, clock: Clock) -> None:
    """It counts to the last moment of its days and not at their end."""
    made = tokens.create(DRAFT)
    clock.time = NOON + timedelta(days=30) - timedelta(seconds=1)
    assert tokens.opened_by(made.text).id == made.token.id
    clock.time = NOON + timedelta(days=30)
    with pytest.raises(TokenRefused, match="expired"):
        tokens.opened_by(made.text)


def test_a_revoked_token_opens_nothing(tokens: Tokens) -> None:
    """Revoking counts at once, and a second time changes nothing."""
    made = tokens.create(DRAFT)
    first = tokens.revoke(made.token.id)
    assert tokens.revoke(made.token.id) == first
    with pytest.raises(TokenRefused, match="revoked"):
        tokens.opened_by(made.text)


def test_another_secret_opens_nothing(tokens: Tokens) -> None:
    """The id of one token with the secret of another is no token, and says no more than an unknown one."""
    one, other = tokens.create(DRAFT), tokens.create(DRAFT)
    mixed = one.text[:20] + other.text[20:]
    said = []
    for text_sent in (mixed, f"simsvc_{'0' * 12}_{'A' * 43}", "", "simsvc", one.text + "x"):
        with pytest.raises(TokenRefused) as caught:
            tokens.opened_by(text_sent)
        said.append(caught.value.sentence)
    assert len(set(said)) == 1


def test_the_database_holds_no_secret(tokens: Tokens, database: Database) -> None:
    """No column of any table holds what a program sends."""
    made = tokens.create(DRAFT)
    secret = made.text.rpartition("_")[2] if "_" not in made.text[20:] else made.text[20:]
    with database.engine.connect() as connection:
        assert secret not in str(connection.execute(text("SELECT * FROM tokens")).all())


def test_the_last_use_is_noted_once_an_hour(tokens: Tokens, clock: Clock, database: Database) -> None:
    """The first use is noted, one within the hour is not, one after it is."""
    made = tokens.create(DRAFT)
    noted = []
    for later_s in (0, 3599, 3600):
        clock.time = NOON + timedelta(seconds=later_s)
        tokens.opened_by(made.text)
        noted.append(TokenStore(database).all()[0].last_used_at)
    assert noted == [NOON, NOON, NOON + timedelta(hours=1)]


def test_an_unknown_token_cannot_be_revoked(tokens: Tokens) -> None:
    """An id of no token is said to be one."""
    with pytest.raises(TokenNotFound):
        tokens.revoke("0" * 12)
