"""PostgreSQL gone, slow, or cut off half way: an error within seconds, and recovery by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url, text

from simsvc.errors import StoreError
from simsvc.store import postgres
from simsvc.store.database import Database
from tests.cut_link import Link, unix_socket


@pytest.fixture
def link(postgres_url: str) -> Iterator[Link]:
    """Give a link to the server of the tests."""
    link = Link(unix_socket(f"{make_url(postgres_url).query['host']}/.s.PGSQL.5432"))
    yield link
    link.close()


@pytest.fixture
def far(link: Link, postgres_url: str) -> Iterator[Database]:
    """Give the database at the other end of the link, whose statements may take a second."""
    name = make_url(postgres_url).database
    database = Database(f"postgresql://simsvc@127.0.0.1:{link.port}/{name}", statement_timeout_ms=1_000)
    database.check()
    yield database
    link.is_frozen = link.is_refused = False
    database.close()


def seconds(act: Callable[[], object]) -> float:
    """Return how long it takes until a database error."""
    start_s = time.monotonic()
    with pytest.raises(StoreError):
        act()
    return time.monotonic() - start_s


def slept(database: Database) -> None:
    with database.reading() as session:
        session.execute(text("SELECT pg_sleep(30)"))


def test_a_server_that_is_gone_is_an_error_at_once(link: Link, far: Database) -> None:
    """No connection: a typed error, at once for whoever asks next, and answers again within two seconds."""
    link.is_refused = True
    link.cut()
    assert seconds(far.check) < 1
    assert max(seconds(far.check) for _ in range(20)) < 0.2
    link.is_refused = False
    time.sleep(postgres.CLOSED_S)
    far.check()


def test_a_connection_that_was_cut_is_replaced(link: Link, far: Database) -> None:
    """Connections that the server ended between requests are not noticed by the next request."""
    link.cut()
    far.check()


def test_an_answer_that_is_cut_off_half_way_is_an_error(link: Link, far: Database) -> None:
    """A connection that ends in the middle of an answer, and the next request works."""
    link.bytes_left = 2_000

    def read() -> None:
        with far.reading() as session:
            session.execute(text("SELECT repeat('x', 100000)")).scalar_one()

    assert seconds(read) < 1
    link.bytes_left = None
    read()


def test_a_write_that_is_cut_off_is_not_half_there(link: Link, far: Database, postgres_url: str) -> None:
    """Of a transaction whose connection ends before its commit, nothing is written."""

    def write() -> None:
        with far.transaction() as session:
            session.execute(text("INSERT INTO face_change_sets VALUES (1, 'x')"))
            link.cut()

    seconds(write)
    near = Database(postgres_url)
    with near.reading() as session:
        assert session.execute(text("SELECT count(*) FROM face_change_sets")).scalar_one() == 0
    near.close()


def test_a_slow_statement_ends(far: Database) -> None:
    """The server ends a statement that takes too long."""
    assert seconds(lambda: slept(far)) < 3


def test_a_server_that_is_frozen_is_given_up(
    link: Link, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for an answer that never comes gets an error, as does who connects; then it recovers."""
    monkeypatch.setattr(postgres, "SLACK_S", 0.5)
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_S", 2)  # psycopg knows no less
    name = make_url(postgres_url).database
    far = Database(f"postgresql://simsvc@127.0.0.1:{link.port}/{name}", statement_timeout_ms=500)
    far.check()
    link.is_frozen = True
    assert seconds(far.check) < 8, "one second for the connection at hand, two for a new one"
    link.is_frozen = False
    time.sleep(postgres.CLOSED_S)
    far.check()
    far.close()
