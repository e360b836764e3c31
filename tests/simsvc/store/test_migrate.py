from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from simsvc.errors import StoreError
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.estimates import EstimateStore
from simsvc.store.tables import Table


def test_there_is_one_head() -> None:
    """Migrations form one line."""
    assert len(migrate.heads()) == 1


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    """After all migrations, the database and the typed tables do not differ."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    """A second upgrade leaves the database at the head."""
    assert migrate.upgrade(database.engine) == migrate.revision(database.engine) == migrate.heads()[0]


def test_a_new_database_has_no_revision(tmp_path: Path) -> None:
    """A database that was never migrated says so, and its folder is made."""
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'new.sqlite3'}")
    assert migrate.revision(database.engine) is None


def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    """A damaged database file gives a sentence, not a traceback."""
    (tmp_path / "not.sqlite3").write_bytes(b"hello " * 1000)
    database = Database(f"sqlite:///{tmp_path / 'not.sqlite3'}")
    with pytest.raises(StoreError):
        migrate.upgrade(database.engine)


def test_every_table_is_indexed_where_it_is_searched(database: Database) -> None:
    """Estimates are found by id, time, account and case; no index is kept that nothing searches by."""
    inspector = inspect(database.engine)
    columns = {tuple(index["column_names"]) for index in inspector.get_indexes("estimates")}
    assert columns - {("public_id",)} == {("created_at",), ("asked_by",), ("case_reference",)}
    assert [u["column_names"] for u in inspector.get_unique_constraints("estimates")] == [["public_id"]]
    assert inspector.get_indexes("neighbours") == []


OLD_ROW = """INSERT INTO estimates
(public_id, created_at, status, photo_name, photo_sha256, age_years, flags, ms)
VALUES ('0123', '2026-01-02 03:04:05', 'estimated', 'me.jpg', 'ab', 41.5, '["other_faces_behind"]', '{}')"""


def test_a_record_of_before_intervals_is_still_read(tmp_path: Path) -> None:
    """A row written by the first version survives the upgrade; what it never had is None."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0001")
    with database.engine.begin() as connection:
        connection.execute(text(OLD_ROW))
    migrate.upgrade(database.engine)
    found = EstimateStore(database).find("0123").estimate
    assert (found.age_years, found.flags) == (41.5, ("other_faces_behind",))
    assert (found.interval_years, found.coverage, found.evidence) == (None, None, None)
    assert (found.support, found.quality, found.refer, found.asked_by) == (None, None, False, None)
