from __future__ import annotations

import io
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from simsvc.errors import CaseNotFound, EstimateNotFound, StoreError, StoreNotMigrated
from simsvc.flows.audit.verify_log import verify
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import BatchRow, CropRow, EstimateRow, EventRow, NeighbourRow
from simsvc.values import AgePriorUse, Declaration
from tests.simsvc.store.helpers import ESTIMATED, PIXELS, REFUSED


def test_an_estimate_comes_back_as_it_went_in(database: Database) -> None:
    """Every value but the crop is read back exactly, neighbours in their order."""
    store = EstimateStore(database)
    recorded = store.record(ESTIMATED)
    found = store.find(recorded.id)
    assert found.estimate == replace(ESTIMATED, crop=None)
    assert (found.id, found.number, found.created_at) == (recorded.id, recorded.number, recorded.created_at)
    assert list(found.estimate.ms) == ["decode", "total"]


def test_a_refusal_is_on_record_too(database: Database) -> None:
    """A refused photo has a record with its code and sentence, and no crop."""
    store = EstimateStore(database)
    recorded = store.record(REFUSED)
    assert store.find(recorded.id).estimate == REFUSED
    with pytest.raises(EstimateNotFound):
        store.crop_png(recorded.id)


def test_the_crop_is_kept_pixel_for_pixel(database: Database) -> None:
    """The stored crop decodes to exactly the pixels that were judged."""
    store = EstimateStore(database)
    png = store.crop_png(store.record(ESTIMATED).id)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), PIXELS)


def test_the_first_of_a_case_has_the_lowest_number(database: Database) -> None:
    """A case without records is not found."""
    store = EstimateStore(database)
    numbers = [store.record(replace(REFUSED, declared=Declaration("L-7"))).number for _ in range(3)]
    assert store.first_of_case("L-7") == numbers[0]
    with pytest.raises(CaseNotFound):
        store.first_of_case("L-8")


def test_ids_cannot_be_guessed_and_numbers_run(database: Database) -> None:
    """Public ids are 32 random hex digits; numbers count up by one."""
    store = EstimateStore(database)
    records = [store.record(REFUSED) for _ in range(5)]
    assert len({int(record.id, 16) for record in records}) == 5
    assert {len(record.id) for record in records} == {32}
    assert [record.number for record in records] == [1, 2, 3, 4, 5]


def test_a_number_is_never_given_twice(database: Database) -> None:
    """After the last record is deleted, the next one gets a new number."""
    store = EstimateStore(database)
    last = store.record(REFUSED)
    with database.transaction() as session:
        session.execute(delete(EstimateRow).where(EstimateRow.public_id == last.id))
    assert store.record(REFUSED).number == last.number + 1


def test_deleting_an_estimate_takes_its_evidence_along(database: Database) -> None:
    """Foreign keys are enforced: neighbours and crop go with the estimate."""
    store = EstimateStore(database)
    store.record(ESTIMATED)
    with database.transaction() as session:
        session.execute(delete(EstimateRow))
        assert session.scalar(select(func.count()).select_from(NeighbourRow)) == 0
        assert session.scalar(select(func.count()).select_from(CropRow)) == 0


def test_the_time_is_utc_and_now(database: Database) -> None:
    """A record's time is aware, in UTC, and of this minute."""
    created_at = EstimateStore(database).record(REFUSED).created_at
    assert created_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=1)


def test_an_estimate_is_one_transaction(database: Database) -> None:
    """Estimate, neighbours and crop are written with a single commit."""
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    EstimateStore(database).record(ESTIMATED)
    assert len(commits) == 1


def test_a_long_photo_name_is_cut(database: Database) -> None:
    """A name longer than its column does not stop the record."""
    store = EstimateStore(database)
    recorded = store.record(replace(REFUSED, photo_name="x" * 1000))
    assert len(store.find(recorded.id).estimate.photo_name) == 255


@pytest.mark.parametrize("public_id", ["", "0" * 32, "' OR 1=1 --", "x" * 1000])
def test_an_unknown_id_is_not_found(database: Database, public_id: str) -> None:
    """Whatever is asked for, only an id that was given is found."""
    store = EstimateStore(database)
    store.record(ESTIMATED)
    with pytest.raises(EstimateNotFound):
        store.find(public_id)


def test_many_threads_write_at_once(database: Database) -> None:
    """Eight threads of ten records each lose none and wait for each other."""
    store = EstimateStore(database)
    threads = [
        threading.Thread(target=lambda: [store.record(ESTIMATED) for _ in range(10)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(EstimateRow)) == 80


def test_sqlite_runs_with_a_log_and_foreign_keys(tmp_path: Path) -> None:
    """Every connection has WAL, enforced foreign keys and patience with other writers."""
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with database.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA busy_timeout")) == 15_000


def test_missing_tables_name_the_command(tmp_path: Path) -> None:
    """An unmigrated database says `flask db upgrade`."""
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    with pytest.raises(StoreNotMigrated, match="flask db upgrade"):
        EstimateStore(database).record(REFUSED)


def test_what_the_database_refuses_names_no_value(database: Database) -> None:
    """Of a statement that a constraint refuses, the error does not tell the values, which may be personal."""
    batch = {"public_id": "a" * 32, "name": "Zoë", "created_at": datetime.now(UTC), "asked_by": "b" * 32}
    with pytest.raises(StoreError) as raised, database.write_connection() as connection:
        connection.execute(insert(BatchRow), [batch, batch])
    assert isinstance(raised.value.__cause__, IntegrityError)
    assert "Zoë" not in str(raised.value.__cause__)


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://x", "postgresql+nosuchdriver://h/d"])
def test_an_unusable_url_is_a_typed_error(url: str) -> None:
    """A database URL that names nothing usable gives a sentence without the URL in it."""
    with pytest.raises(StoreError, match="DATABASE_URL") as caught:
        Database(url)
    assert url not in caught.value.sentence


def test_what_made_it_comes_back(database: Database) -> None:
    """Engine, prior and doubt are read back as they were recorded; a record without them has none."""
    estimates, used = EstimateStore(database), AgePriorUse("18-75", "cd" * 32, 16.25)
    made = replace(ESTIMATED, engine="openvino int8", age_prior=used, doubt=1.2345678)
    found = estimates.find(estimates.record(made).id).estimate
    assert (found.engine, found.age_prior, found.doubt) == ("openvino int8", used, 1.2345678)
    plain = estimates.find(estimates.record(ESTIMATED).id).estimate
    assert (plain.engine, plain.age_prior, plain.doubt) == (None, None, None)


def logged(database: Database) -> list[str]:
    """Return the subjects of the events about estimates, in their order."""
    query = select(EventRow.subject).where(EventRow.kind == "estimate").order_by(EventRow.seq)
    with database.reading() as session:
        return list(session.scalars(query))


def test_many_estimates_go_on_record_together(database: Database) -> None:
    """Their events follow one another in the order of the estimates, and the log verifies."""
    store = EstimateStore(database)
    with store.together() as recorder:
        ids = [recorder.record(estimate).id for estimate in (ESTIMATED, REFUSED, ESTIMATED)]
    with EventLog(database).snapshot() as snapshot:
        assert verify(snapshot, lambda _done, _total: None).problems == ()
    assert logged(database) == [f"estimate:{public_id}" for public_id in ids]


def test_of_many_estimates_that_fail_none_is_on_record(database: Database) -> None:
    """An error before the end leaves neither rows nor events."""
    store = EstimateStore(database)
    with suppress(ZeroDivisionError), store.together() as recorder:
        recorder.record(ESTIMATED)
        raise ZeroDivisionError
    with store.together():
        pass
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(EstimateRow)) == 0
    assert logged(database) == []


def test_others_log_while_many_estimates_are_inserted(postgres_url: str) -> None:
    """On PostgreSQL the log's turn is taken only when all rows are inserted."""
    database = Database(postgres_url, statement_timeout_ms=2_000)
    store = EstimateStore(database)
    with store.together() as recorder:
        first = recorder.record(ESTIMATED)
        other = store.record(REFUSED)  # would wait until the statement's timeout
        last = recorder.record(ESTIMATED)
    assert logged(database) == [f"estimate:{record.id}" for record in (other, first, last)]
    database.close()
