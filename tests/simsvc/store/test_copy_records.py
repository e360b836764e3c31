from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, text

from simsvc.errors import AdoptionRefused, StoreError
from simsvc.flows.audit.verify_log import verify
from simsvc.store import copy_records as copying
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.copy_records import Copied, copy_records
from simsvc.store.database import Database
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import EstimateRow, EventRow, UserRow
from simsvc.values.events import COMMAND, EventKind, NewEvent
from tests.simsvc.store.helpers import ESTIMATED, tamper

ARCHIVE = Path(__file__).parents[2] / "old_files" / "7b82fb7.tar.xz"
DATABASE = "simsvc.sqlite3"


@pytest.fixture(scope="module")
def old_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of a whole old installation, with every kind of record, upgraded."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    file = folder / "old" / DATABASE
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database.engine)
    database.fold_in(1)
    database.close()
    return file


@pytest.fixture
def source(old_file: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{shutil.copy2(old_file, tmp_path / DATABASE)}")
    yield database
    database.close()


@pytest.fixture
def target(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    yield database
    database.close()


def quiet(_done: int, _total: int) -> None:
    """Show no progress."""


def new_rows(copied: tuple[Copied, ...]) -> int:
    return sum(one.new for one in copied)


def test_every_row_is_copied_and_the_log_stays_intact(source: Database, target: Database) -> None:
    """All tables of an installation are the same in PostgreSQL, and the copied log verifies in full."""
    copied = {one.table: one.rows for one in copy_records(source, target, quiet)}
    assert min(copied[name] for name in ("estimates", "crops", "users", "batches", "decisions")) > 0
    with EventLog(source).snapshot() as ours, EventLog(target).snapshot() as theirs:
        assert theirs.last() == ours.last()
        verdict = verify(theirs, quiet)
    assert not verdict.broken
    assert verdict.events == copied["events"]


def test_records_are_the_same_to_those_who_read_them(source: Database, target: Database) -> None:
    """Every estimate read from PostgreSQL equals the one read from SQLite, numbers to the last bit."""
    copy_records(source, target, quiet)
    with source.reading() as session:
        ids = session.scalars(select(EstimateRow.public_id).where(EstimateRow.status == "estimated")).all()
    assert ids
    for public_id in ids:
        assert EstimateStore(target).find(public_id) == EstimateStore(source).find(public_id)


def test_new_records_get_new_numbers(source: Database, target: Database) -> None:
    """The next record gets a number that no record had, erased ones included."""
    tamper(source, "UPDATE sqlite_sequence SET seq = 4000 WHERE name = 'estimates'")
    copy_records(source, target, quiet)
    EstimateStore(target).record(ESTIMATED)
    with target.reading() as session:
        assert session.scalar(select(func.max(EstimateRow.sequence))) == 4001


def test_a_second_run_copies_nothing(source: Database, target: Database) -> None:
    """A finished copy is compared anew, and no row is written."""
    assert new_rows(copy_records(source, target, quiet)) > 0
    assert new_rows(copy_records(source, target, quiet)) == 0


def test_a_copy_that_was_cut_off_goes_on(
    source: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interruption, the rows that are there stay, and the others are added."""
    monkeypatch.setattr(copying, "ROWS_A_STEP", 3)
    steps: list[int] = []

    def cut_off(done: int, _total: int) -> None:
        steps.append(done)
        if len(steps) == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_records(source, target, cut_off)
    copied = copy_records(source, target, quiet)
    assert steps[-1] + new_rows(copied) == sum(one.rows for one in copied)


def test_an_unfinished_copy_has_no_log(
    source: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is copied last, so that no half of an installation looks like a whole one."""
    copied: list[str] = []
    copy_table = copying._copy_table
    monkeypatch.setattr(
        copying, "_copy_table", lambda *args: (copied.append(args[2].name), copy_table(*args))[1]
    )
    copy_records(source, target, quiet)
    assert copied[-3:] == ["events", "event_contents", "unfinished_erasures"]


def test_a_database_in_use_is_refused(source: Database, target: Database) -> None:
    """Records of another installation are never mixed with these, and stay as they are."""
    EventLog(target).note(NewEvent(EventKind.SETTINGS, COMMAND, "settings", {"a": "b"}))
    with pytest.raises(AdoptionRefused) as refused:
        copy_records(source, target, quiet)
    assert refused.value.reason == "in_use"
    with target.reading() as session:
        assert session.scalar(select(func.count()).select_from(EventRow)) == 2


def test_a_source_that_was_written_meanwhile_is_said(source: Database, target: Database) -> None:
    """A row that changed between copying and comparing names its table."""

    def change(done: int, total: int) -> None:
        if done == total:
            with source.transaction() as session:
                session.execute(UserRow.__table__.update().values(team="others"))  # type: ignore[attr-defined]

    with pytest.raises(AdoptionRefused, match="users"):
        copy_records(source, target, change)


def test_an_older_source_is_refused(source: Database, target: Database) -> None:
    """A database that lacks the newest migration is not copied."""
    with source.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0023'"))
    with pytest.raises(StoreError, match="0023"):
        copy_records(source, target, quiet)


def test_tables_of_a_newer_version_are_refused(source: Database, target: Database) -> None:
    """No table is left out in silence."""
    with source.transaction() as session:
        session.execute(text("CREATE TABLE inventions (id INTEGER PRIMARY KEY)"))
    with pytest.raises(AdoptionRefused, match="inventions"):
        copy_records(source, target, quiet)


def test_the_source_is_only_read(source: Database, target: Database) -> None:
    """The copy sends nothing but queries to the old database."""
    sent: list[str] = []
    event.listen(source.engine, "before_cursor_execute", lambda *call: sent.append(call[2]))
    copy_records(source, target, quiet)
    assert {statement.split()[0] for statement in sent} <= {"SELECT", "PRAGMA", "BEGIN"}
