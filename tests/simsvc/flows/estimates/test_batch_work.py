from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from simsvc.errors import StoreError
from simsvc.flows.estimates.batch import Turn
from simsvc.flows.estimates.batch_work import HELD_S, NOTICE_S, PERIOD_S, BatchWork
from simsvc.flows.estimates.lease import LEASE_S, renewing
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.values import NewPhoto
from tests.helpers import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Steps:
    """A clock that waiting sets forward, and that says to stop at a time."""

    end_s: float
    now_s: float = 0.0
    waits: list[float] = field(default_factory=list)

    def is_set(self) -> bool:
        return self.now_s >= self.end_s

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        self.now_s += timeout
        return self.is_set()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def nothing() -> None:
    pass


def idle(_last: int, _held: Collection[int]) -> Turn | None:
    return None


def test_an_idle_worker_looks_every_second() -> None:
    """A new batch is noticed within that."""
    steps = Steps(end_s=5.0)
    BatchWork(nothing, idle, clock=lambda: steps.now_s).run(steps)
    assert steps.waits == [NOTICE_S] * 5
    assert NOTICE_S <= 1.0


def test_photos_follow_one_another_without_a_pause() -> None:
    """Each after the batch of the one before; told to stop, the worker ends after the photo at hand."""
    stop, asked = threading.Event(), list[int]()

    def judge(last: int, _held: Collection[int]) -> Turn:
        asked.append(last)
        if len(asked) == 4:
            stop.set()
        return Turn(last % 2 + 1, goes_on=True)

    BatchWork(nothing, judge).run(stop)
    assert asked == [0, 1, 2, 1]


def test_a_batch_that_cannot_go_on_holds_up_no_other() -> None:
    """It is left out for a while, and then tried again."""
    steps, seen = Steps(end_s=HELD_S + 1.5), list[tuple[float, int]]()

    def judge(_last: int, held: Collection[int]) -> Turn:
        number = 2 if 1 in held else 1
        seen.append((steps.now_s, number))
        steps.now_s += number / 2
        return Turn(number, goes_on=number == 2)

    BatchWork(nothing, judge, clock=lambda: steps.now_s).run(steps)
    assert [at_s for at_s, number in seen if number == 1] == [0.0, HELD_S + 0.5]
    assert len(seen) == 3 + HELD_S


@pytest.mark.parametrize("error", [StoreError("unusable"), ZeroDivisionError()])
def test_a_worker_outlives_what_fails(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Database or program: it tries again every second, and a sentence is logged once for each work."""
    steps, begun, judged = Steps(end_s=6.0), list[float](), list[float]()

    def failing(until_s: float, seen: list[float]) -> None:
        seen.append(steps.now_s)
        if steps.now_s < until_s:
            raise error

    def judge(_last: int, _held: Collection[int]) -> Turn | None:
        failing(4.0, judged)
        return None

    with caplog.at_level(logging.ERROR):
        BatchWork(lambda: failing(2.0, begun), judge, clock=lambda: steps.now_s).run(steps)
    assert (begun, judged) == ([0.0, 1.0, 2.0], [2.0, 3.0, 4.0, 5.0])
    assert len(caplog.records) == (2 if isinstance(error, StoreError) else 4)


def test_periodic_work_is_done_each_minute() -> None:
    """At the start and between photos; what fails holds up neither the rest of it nor the photos."""
    steps, done, judged = Steps(end_s=2 * PERIOD_S + 1), list[float](), list[float]()

    def fail() -> None:
        raise StoreError("unusable")

    def judge(_last: int, _held: Collection[int]) -> Turn:
        judged.append(steps.now_s)
        steps.now_s += 0.5
        return Turn(1, goes_on=True)

    more: list[Callable[[], object]] = [fail, lambda: done.append(steps.now_s)]
    BatchWork(nothing, judge, more, clock=lambda: steps.now_s).run(steps)
    assert done == [0.0, PERIOD_S, 2 * PERIOD_S]
    assert len(judged) == 2 * (2 * PERIOD_S + 1)


def test_a_lease_is_renewed_while_a_photo_is_judged(database: Database) -> None:
    """No other worker gets it; after that, nothing is renewed any more."""
    batches = BatchStore(database, EstimateStore(database))
    batches.add("a" * 32, "a.zip", [NewPhoto("a.jpg")], "u1", NOW)
    leased = batches.begin_next("slow", NOW, LEASE_S)
    assert leased is not None
    lease, asked = timedelta(seconds=LEASE_S), list[datetime]()

    def later() -> datetime:
        asked.append(NOW + lease)
        return asked[-1]

    with renewing(batches, leased, later, every_s=0.01):
        wait_until(lambda: len(asked) > 2)
        assert batches.begin_next("next", NOW + 1.5 * lease, LEASE_S) is None
    assert batches.begin_next("next", NOW + 2 * lease, LEASE_S) is not None


def test_the_thread_of_a_lease_that_was_lost_ends(database: Database) -> None:
    """Another worker has the photo: there is nothing to renew."""
    batches = BatchStore(database, EstimateStore(database))
    batches.add("a" * 32, "a.zip", [NewPhoto("a.jpg")], "u1", NOW)
    lost = batches.begin_next("slow", NOW, LEASE_S)
    assert lost is not None
    batches.begin_next("next", NOW + timedelta(seconds=LEASE_S), LEASE_S)
    with renewing(batches, lost, lambda: NOW, every_s=0.01):
        wait_until(lambda: not any(thread.name == "lease" for thread in threading.enumerate()))
