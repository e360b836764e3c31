from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from simsvc.flows.access.accounts import utc_now
from simsvc.flows.estimates.batch import MOST_ATTEMPTS
from simsvc.flows.estimates.estimate import estimate
from simsvc.flows.estimates.lease import LEASE_S
from simsvc.settings import Settings
from simsvc.store.tables import BatchPhotoRow
from simsvc.values import BatchPhoto
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.helpers import wait_until
from tests.servers import PATIENCE_S, children_of, is_alive, working
from tests.simsvc.web.helpers import judge_all
from tests.small_site import drawn_photo, moved_to

PHOTOS = 12
MANY = tuple(f"{number:03}.jpg" for number in range(10 * PHOTOS))
"""More than a worker judges before another one has started."""
SOON_S = 5.0
"""Longer than an idle worker's pause, on a machine that does other things, too."""

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(site: Settings, tmp_path: Path) -> Settings:
    """Return settings with a database of its own: in a shared one, workers also take other tests' photos."""
    own = moved_to(site, sqlite_database(tmp_path / "simsvc.sqlite3"))
    return own.model_copy(update={"batch_dir": tmp_path / "batches"})


@pytest.fixture
def desk(settings: Settings) -> Iterator[Services]:
    desk = Services(settings)
    yield desk
    desk.database.close()


def take_in(desk: Services, *names: str) -> str:
    photos = [(name, drawn_photo(number)) for number, name in enumerate(names)]
    return desk.batches.take_in(photos, "photos.zip", "0" * 32, dict)


def killed_halfway(settings: Settings, desk: Services) -> str:
    """Have a worker and all its processes killed in the middle of a batch, and return that."""
    batch_id = take_in(desk, *(f"{number:02}.jpg" for number in range(PHOTOS)))
    with working(settings) as worker:
        wait_until(lambda: desk.batch_book.find(batch_id).done >= 2)
        below = children_of(worker.pid)
        worker.kill()
        worker.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in below))
    assert 0 < desk.batch_book.find(batch_id).waiting < PHOTOS
    return batch_id


def check_recorded_once(desk: Services, photos: Sequence[BatchPhoto]) -> None:
    """Check that these photos have records, and that nothing else was recorded meanwhile."""
    assert {photo.status for photo in photos} == {"estimated"}
    records = [desk.estimates.find(photo.estimate_id or "").number for photo in photos]
    assert sorted(records) == list(range(min(records), min(records) + len(photos)))


def test_a_killed_workers_photo_comes_back(settings: Settings, desk: Services) -> None:
    """After kill -9 in the middle others judge the rest, each photo once, and the lost attempt counts."""
    batch_id = killed_halfway(settings, desk)
    before = desk.batch_book.photos(batch_id)
    later = Services(settings, lambda: utc_now() + timedelta(seconds=LEASE_S))
    judge_all(later, batch_id)
    later.database.close()
    after = desk.batch_book.photos(batch_id)
    assert all(new == old for new, old in zip(after, before, strict=True) if old.status != "waiting")
    begun = [old.attempts for old in before if old.status == "waiting"]
    assert [new.attempts for new, old in zip(after, before, strict=True) if old.status == "waiting"] == [
        attempts + 1 for attempts in begun
    ]
    check_recorded_once(desk, after)
    assert list(settings.batch_dir.glob("waiting/*")) == []


@pytest.mark.proof
def test_a_killed_worker_is_followed_by_one_that_goes_on(settings: Settings, desk: Services) -> None:
    """The next worker judges what waits, and the photo of the killed one when its lease has ended."""
    batch_id = killed_halfway(settings, desk)
    with working(settings):
        wait_until(lambda: desk.batch_book.find(batch_id).waiting == 0, 3 * LEASE_S)
        wait_until(lambda: not list(settings.batch_dir.glob("waiting/*")))
    check_recorded_once(desk, desk.batch_book.photos(batch_id))


@pytest.mark.proof  # on a saturated machine one of the two was seen without a lease for two minutes
def test_workers_share_a_batch(settings: Settings, desk: Services) -> None:
    """Two workers on the same database judge each photo once, in one attempt."""
    batches, holders = [take_in(desk, *MANY)], set[str]()

    def both_worked() -> bool:
        holders.update(holders_of(desk))
        batch = desk.batch_book.find(batches[-1])
        if len(holders) < 2 and batch.waiting == 0:  # one ended it before the other had started
            batches.append(take_in(desk, *MANY))
            return False
        return len(holders) == 2 and batch.done >= PHOTOS

    with working(settings), working(settings):
        wait_until(both_worked, PATIENCE_S)
    check_none_is_left_behind(desk, batches[-1])


def holders_of(desk: Services) -> list[str]:
    query = select(BatchPhotoRow.leased_by).where(BatchPhotoRow.leased_by.is_not(None))
    with desk.database.reading() as session:
        return [holder for holder in session.scalars(query) if holder]


def test_a_new_batch_is_noticed_soon(settings: Settings, desk: Services) -> None:
    """By a worker that has nothing to do."""
    with working(settings):
        first = take_in(desk, "a.jpg")
        wait_until(lambda: desk.batch_book.find(first).waiting == 0)
        second = take_in(desk, "b.jpg")
        wait_until(lambda: desk.batch_book.find(second).waiting == 0, SOON_S)


def test_a_worker_ends_after_the_photo_at_hand(settings: Settings, desk: Services) -> None:
    """On SIGTERM what was begun is put on record, and what was not waits as before."""
    batch_id = take_in(desk, *MANY)
    with working(settings) as worker:
        wait_until(lambda: desk.batch_book.find(batch_id).done >= 2)
        below = children_of(worker.pid)
        worker.terminate()
        assert worker.wait(PATIENCE_S) == 0
    assert [pid for pid in below if is_alive(pid)] == []
    check_none_is_left_behind(desk, batch_id)


def check_none_is_left_behind(desk: Services, batch_id: str) -> None:
    """Check that no photo is leased or was begun twice, then have the rest of the batch end."""
    photos = desk.batch_book.photos(batch_id)
    assert {(photo.status, photo.attempts) for photo in photos} == {("estimated", 1), ("waiting", 0)}
    assert holders_of(desk) == []
    check_recorded_once(desk, [photo for photo in photos if photo.status == "estimated"])
    desk.waiting_room.clear(batch_id)
    judge_all(desk, batch_id)


def test_a_dead_child_is_replaced(settings: Settings, desk: Services) -> None:
    """Whatever ends the process that judges, another one takes up what waits, without a restart."""
    with working(settings) as worker:
        first = take_in(desk, "a.jpg")
        wait_until(lambda: desk.batch_book.find(first).waiting == 0)
        for pid in children_of(worker.pid):
            os.kill(pid, signal.SIGKILL)
        second = take_in(desk, "b.jpg")
        wait_until(lambda: desk.batch_book.find(second).waiting == 0)


def test_a_photo_that_ends_its_process_three_times_is_given_up(settings: Settings, desk: Services) -> None:
    """Each time another process takes over at once, whose other photos are judged."""
    batch_id = take_in(desk, "a.jpg", "deadly.jpg", "b.jpg")
    with forked(lambda: work_dying(settings)):
        wait_until(lambda: desk.batch_book.find(batch_id).waiting == 0, LEASE_S - SOON_S)
    photos = desk.batch_book.photos(batch_id)
    assert [(photo.status, photo.code, photo.attempts) for photo in photos] == [
        ("estimated", None, 1),
        ("failed", "not_judged", MOST_ATTEMPTS + 1),
        ("estimated", None, 1),
    ]


def test_the_queue_of_an_earlier_version_is_deleted(settings: Settings) -> None:
    """The database alone says what waits."""
    files = [settings.batch_dir / f"queue.sqlite3{end}" for end in ("", "-wal", "-shm")]
    settings.batch_dir.mkdir()
    for file in files:
        file.touch()
    with forked(lambda: Services(settings).work_batches()):
        wait_until(lambda: not any(file.exists() for file in files))


@contextmanager
def forked(work: Callable[[], None]) -> Iterator[None]:
    """Do something in a process that ends on SIGTERM."""
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    try:
        yield
    finally:
        worker.terminate()
        worker.join(PATIENCE_S)
    assert worker.exitcode == 0


def work_dying(settings: Settings) -> None:
    """Work, in a process that one photo ends as a broken decoder would."""

    def judge(data: bytes, name: str, *more: Any) -> object:
        if name == "deadly.jpg":
            os.kill(os.getpid(), signal.SIGKILL)
        return estimate(data, name, *more)

    pytest.MonkeyPatch().setattr("simsvc.flows.estimates.batch.estimate", judge)
    Services(settings).work_batches()
