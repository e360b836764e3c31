from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from simsvc.errors import AlreadyJudged, IndexMissing, LeaseLost, PhotoLost
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import BatchPhotoRow, EstimateRow
from simsvc.values import Leased, NewPhoto
from tests.postgres_server import fresh_database
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE_S = 30.0
LATER = NOW + timedelta(seconds=LEASE_S)
BATCHES = [letter * 32 for letter in "abc"]
SIZES = (30, 20, 10)


@pytest.fixture
def batches(database: Database) -> BatchStore:
    return BatchStore(database, EstimateStore(database))


def add(batches: BatchStore, *sizes: int) -> None:
    """Put batches of so many photos on record."""
    for batch_id, size in zip(BATCHES, sizes, strict=False):
        batches.add(batch_id, "a.zip", [NewPhoto(f"{number}.jpg") for number in range(size)], "u1", NOW)


def begin(batches: BatchStore, worker: str, now: datetime = NOW, after: int = 0) -> Leased:
    leased = batches.begin_next(worker, now, LEASE_S, after=after)
    assert leased is not None
    return leased


def record(batches: BatchStore, leased: Leased) -> None:
    batches.recorder(leased.batch_id, leased.photo.position, leased.worker).record(ESTIMATED)


def records(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(EstimateRow)) or 0


def test_workers_share_the_photos_and_none_is_judged_twice(batches: BatchStore, database: Database) -> None:
    """Eight workers at once lease and record each of sixty photos once."""
    add(batches, *SIZES)

    def judge(worker: str) -> list[tuple[str, int]]:
        done, last = [], 0
        while leased := batches.begin_next(worker, NOW, LEASE_S, after=last):
            record(batches, leased)
            done.append((leased.batch_id, leased.photo.position))
            last = leased.number
        return done

    with ThreadPoolExecutor(8) as pool:
        done = [place for places in pool.map(judge, "01234567") for place in places]
    every = [
        (batch_id, place) for batch_id, size in zip(BATCHES, SIZES, strict=True) for place in range(size)
    ]
    assert sorted(done) == every
    assert records(database) == 60
    assert batches.unfinished() == ()


def test_the_photo_of_a_killed_worker_comes_back_when_its_lease_ended(batches: BatchStore) -> None:
    """Not before, and as another attempt."""
    add(batches, 1)
    assert begin(batches, "killed").photo.attempts == 1
    assert batches.begin_next("next", LATER - timedelta(seconds=1), LEASE_S) is None
    assert begin(batches, "next", LATER).photo.attempts == 2


def test_a_renewed_lease_lasts(batches: BatchStore) -> None:
    """A worker that takes long keeps its photo for as long as it renews the lease."""
    add(batches, 1)
    leased = begin(batches, "slow")
    assert batches.renew(leased, LATER - timedelta(seconds=1), LEASE_S)
    assert batches.begin_next("next", LATER + timedelta(seconds=20), LEASE_S) is None
    record(batches, leased)


Act = Callable[[BatchStore, Leased], object]
ACTS: list[Act] = [
    record,
    lambda batches, leased: batches.take_back(leased, IndexMissing()),
    lambda batches, leased: batches.give_up(
        leased.batch_id, leased.photo.position, PhotoLost(), leased.worker
    ),
]


@pytest.mark.parametrize("act", ACTS, ids=["record", "take_back", "give_up"])
def test_a_worker_that_lost_its_lease_changes_nothing(
    batches: BatchStore, database: Database, act: Act
) -> None:
    """It lives and was too slow: its result is refused while another worker judges, and afterwards."""
    add(batches, 1)
    lost = begin(batches, "slow")
    held = begin(batches, "next", LATER)
    assert not batches.renew(lost, LATER, LEASE_S)
    with pytest.raises(LeaseLost):
        act(batches, lost)
    assert (records(database), batches.photos(BATCHES[0])[0].attempts) == (0, 2)
    record(batches, held)
    with pytest.raises(AlreadyJudged):
        act(batches, lost)
    assert records(database) == 1


def test_a_lease_that_ran_out_and_that_nobody_took_still_counts(
    batches: BatchStore, database: Database
) -> None:
    """Whoever was too slow, but the only one, records the result."""
    add(batches, 1)
    leased = begin(batches, "slow")
    assert batches.renew(leased, LATER + timedelta(hours=1), LEASE_S)
    record(batches, leased)
    assert records(database) == 1


def test_a_photo_that_is_done_is_leased_to_nobody(batches: BatchStore, database: Database) -> None:
    """The names of workers go with the leases."""
    add(batches, 3)
    record(batches, begin(batches, "one"))
    batches.take_back(begin(batches, "two"), IndexMissing())
    left = begin(batches, "three")
    batches.give_up(left.batch_id, left.photo.position, PhotoLost(), "three")
    with database.reading() as session:
        held = session.execute(select(BatchPhotoRow.leased_by, BatchPhotoRow.lease_until)).all()
    assert [tuple(row) for row in held] == [(None, None)] * 3


def test_what_cannot_be_judged_now_is_no_attempt(batches: BatchStore) -> None:
    """Anyone may take it up again at once, and the batch says why it waits."""
    add(batches, 1)
    batches.take_back(begin(batches, "one"), IndexMissing())
    assert batches.find(BATCHES[0]).problem is not None
    assert begin(batches, "two").photo.attempts == 1


def test_each_batch_gets_its_turn(batches: BatchStore) -> None:
    """One photo of each, the oldest batch first, and then from the beginning."""
    add(batches, 3, 1, 2)
    taken: list[tuple[str, int]] = []
    last = 0
    for _ in range(6):
        leased = begin(batches, "one", after=last)
        last = leased.number
        taken.append((leased.batch_id[0], leased.photo.position))
    assert taken == [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("c", 1), ("a", 2)]


def test_the_photo_with_the_fewest_attempts_comes_first(batches: BatchStore) -> None:
    """One that ends its worker does not hold up the others."""
    add(batches, 3)
    taken = []
    for _ in range(6):
        taken.append(begin(batches, "dies").photo.position)
        batches.release("dies")
    assert taken == [0, 1, 2] * 2


def test_batches_can_be_left_out(batches: BatchStore) -> None:
    """A worker leaves out those that it cannot process just now."""
    add(batches, 1, 1)
    numbers = [batches.find(batch_id).number for batch_id in BATCHES[:2]]
    found = batches.begin_next("one", NOW, LEASE_S, without=numbers[:1])
    assert found is not None
    assert found.number == numbers[1]
    assert batches.begin_next("one", NOW, LEASE_S, without=numbers) is None


def test_what_a_dead_process_held_is_released(batches: BatchStore) -> None:
    """Its successor need not wait for the lease's end; leases of others last."""
    add(batches, 2)
    first, _ = begin(batches, "dead"), begin(batches, "lives")
    batches.release("dead")
    again = begin(batches, "other")
    assert (again.photo.position, again.photo.attempts) == (first.photo.position, 2)
    assert batches.begin_next("other", NOW, LEASE_S) is None


def test_a_lease_from_before_the_clock_was_set_back_ends(batches: BatchStore) -> None:
    """A photo never waits for longer than two leases."""
    add(batches, 1)
    begin(batches, "killed", NOW + timedelta(days=1))
    assert begin(batches, "next").photo.attempts == 2


def test_nobody_waits_for_a_photo_that_another_one_is_taking(postgres_url: str) -> None:
    """On PostgreSQL a locked row is passed over, not waited for."""
    database = Database(postgres_url, statement_timeout_ms=2_000)
    batches = BatchStore(database, EstimateStore(database))
    add(batches, 2)
    with database.transaction() as session:
        first = select(BatchPhotoRow.position).where(BatchPhotoRow.position == 0).with_for_update()
        session.execute(first)
        assert begin(batches, "next").photo.position == 1
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_photos_that_waited_before_the_upgrade_are_leased(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A batch that an earlier version took in is free after the migration."""
    if kind == "sqlite":
        _upgrade_waiting(f"sqlite:///{tmp_path / 'old.sqlite3'}")
        return
    with fresh_database(request.getfixturevalue("postgres"), "before_leases") as url:
        _upgrade_waiting(url)


def _upgrade_waiting(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database.engine, "0024")
    rows = (
        "INSERT INTO batches (public_id, name, created_at, asked_by) "
        "VALUES ('old', 'b.zip', '2026-01-02 03:04:05', 'u1')",
        "INSERT INTO batch_photos (batch, position, photo_name, status, attempts, code) VALUES "
        "(1, 0, 'a.jpg', 'refused', 1, 'no_face'), (1, 1, 'b.jpg', 'waiting', 2, NULL)",
    )
    with database.engine.begin() as connection:
        for row in rows:
            connection.execute(text(row))
    migrate.upgrade(database.engine)
    batches = BatchStore(database, EstimateStore(database))
    leased = begin(batches, "one")
    record(batches, leased)
    assert (leased.photo.position, leased.photo.attempts, leased.asked_by) == (1, 3, "u1")
    assert batches.has_ended("old")
    database.close()
