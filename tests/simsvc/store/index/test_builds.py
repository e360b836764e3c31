from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from simsvc.errors import StoreError
from simsvc.store.database import Database
from simsvc.store.index.builds import ROWS_A_STATEMENT, BuildStore
from simsvc.store.tables import BuildRow, FaceRow
from simsvc.values import LabelledFace
from tests.simsvc.store.helpers import BUILD, FACES


def ages(database: Database) -> dict[str, float]:
    with database.transaction() as session:
        return {row.face_id: row.age_years for row in session.scalars(select(FaceRow))}


def test_a_build_and_its_faces_are_recorded(database: Database) -> None:
    """One call writes the build and each face."""
    BuildStore(database).record(BUILD, FACES)
    assert ages(database) == {"f1": 30.0, "f2": 40.0}
    with database.transaction() as session:
        row = session.scalars(select(BuildRow)).one()
        assert (row.label, row.count, row.sources) == (BUILD.label, 2, ["demo"])


def test_recording_again_is_the_same_as_once(database: Database) -> None:
    """The same build twice leaves one row and its first date."""
    store = BuildStore(database)
    store.record(BUILD, FACES)
    with database.transaction() as session:
        first = session.scalars(select(BuildRow.created_at)).one()
    store.record(BUILD, FACES)
    with database.transaction() as session:
        assert session.scalars(select(BuildRow.created_at)).one() == first


def test_a_corrected_label_replaces_the_old_one(database: Database) -> None:
    """A face that comes with another age has the new one."""
    store = BuildStore(database)
    store.record(BUILD, FACES)
    store.record(BUILD, [LabelledFace("f1", 31.0, "demo", "a.jpg")])
    assert ages(database) == {"f1": 31.0, "f2": 40.0}


def test_more_faces_than_one_statement_takes(database: Database) -> None:
    """Every face is written where they need several statements."""
    many = [LabelledFace(f"f{n}", 30.0, "demo", f"{n}.jpg") for n in range(ROWS_A_STATEMENT + 7)]
    BuildStore(database).record(BUILD, many)
    assert len(ages(database)) == ROWS_A_STATEMENT + 7


def test_a_failure_leaves_nothing(database: Database) -> None:
    """Faces of a build that cannot be recorded are not recorded either."""
    broken = replace(BUILD, name=None)  # type: ignore[arg-type]  # what must not happen
    with pytest.raises(StoreError):
        BuildStore(database).record(broken, FACES)
    assert ages(database) == {}
