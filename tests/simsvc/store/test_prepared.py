from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, column, insert, select, table
from sqlalchemy.exc import IntegrityError

from simsvc.errors import StoreError, StoreNotMigrated
from simsvc.store.database import Database
from simsvc.store.prepared import Prepared, insertion
from simsvc.store.tables import EstimateRow, NeighbourRow, Table

ESTIMATES = Table.metadata.tables[EstimateRow.__tablename__]
INSERTED = insertion(EstimateRow, made="sequence")
IST = timezone(timedelta(hours=5, minutes=30))
FULL: Mapping[str, Any] = {
    **dict.fromkeys(column.name for column in ESTIMATES.columns if column.name != "sequence"),
    "public_id": "a" * 32,
    "created_at": datetime(2026, 3, 1, 4, 5, 6, 7, tzinfo=IST),
    "status": "estimated",
    "photo_name": "Zoë's 100%.jpg",
    "photo_sha256": "0" * 64,
    "age_years": 31,
    "quality": {"sharpness": 1.5, "yaw": None},
    "flags": ["blurred"],
    "ms": {"total": 12.25},
    "birth_date": date(1990, 2, 3),
}


def rows(connection: Connection) -> list[dict[str, Any]]:
    kept = connection.execute(select(ESTIMATES).order_by(ESTIMATES.c.sequence)).mappings()
    return [{**row, "sequence": None, "public_id": None} for row in kept]


def twice(connection: Connection) -> None:
    INSERTED.insert(connection, FULL)
    INSERTED.insert(connection, FULL)


def test_rows_are_as_sqlalchemy_writes_them(database: Database) -> None:
    """Times, dates, JSON, nulls and text come back alike, and the key is the one that the database made."""
    with database.writing() as connection:
        connection.execute(insert(ESTIMATES), {**FULL, "public_id": "b" * 32})
        number = INSERTED.insert(connection, FULL)
        by_sqlalchemy, prepared = rows(connection)
        assert prepared == by_sqlalchemy
        assert prepared["created_at"] == FULL["created_at"].astimezone(UTC)
        assert (
            connection.scalar(select(ESTIMATES.c.public_id).where(ESTIMATES.c.sequence == number)) == "a" * 32
        )


def test_several_rows_and_a_query(database: Database) -> None:
    """Rows go in together; a query gives its first row, or None where there is none."""
    last = Prepared(select(NeighbourRow.face_id).order_by(NeighbourRow.rank.desc()).limit(1))
    with database.writing() as connection:
        assert last.first(connection) is None
        number = INSERTED.insert(connection, FULL)
        near = {"estimate": number, "age_years": 30.0, "distance": 0.5, "estimated_age_years": None}
        both = [{**near, "rank": 1, "face_id": "one"}, {**near, "rank": 2, "face_id": "two"}]
        insertion(NeighbourRow).insert_all(connection, both)
        assert tuple(last.first(connection) or ()) == ("two",)


def test_what_the_driver_raises_comes_as_sqlalchemy_s_own(database: Database) -> None:
    """A constraint that is not kept is an IntegrityError that names no value, and ends the transaction."""
    with pytest.raises(StoreError) as raised, database.writing() as connection:
        twice(connection)
    assert isinstance(raised.value.__cause__, IntegrityError)
    assert "Zoë" not in str(raised.value.__cause__)
    with database.reading() as session:
        assert rows(session.connection()) == []


def test_a_missing_table_is_told(database: Database) -> None:
    """It gives the error that says what to do, as everywhere."""
    nowhere = Prepared(select(column("a")).select_from(table("nowhere")))
    with pytest.raises(StoreNotMigrated), database.writing() as connection:
        nowhere.first(connection)
