from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simsvc.settings import Settings
from simsvc.wiring.services import Services
from tests.helpers import wait_until
from tests.servers import children_of, is_alive, working
from tests.small_site import drawn_photo

PHOTOS = 12

pytestmark = pytest.mark.slow


def test_a_killed_worker_is_followed_by_one_that_goes_on(site: Settings, tmp_path: Path) -> None:
    """After kill -9 in the middle the next worker judges the rest, each photo once, and leaves no file."""
    settings = site.model_copy(update={"batch_dir": tmp_path})
    desk = Services(settings)
    photos = [(f"{n:02}.jpg", drawn_photo(n)) for n in range(PHOTOS)]
    batch_id = desk.batches.take_in(photos, "photos.zip", "0" * 32, dict)
    with working(settings) as worker:
        wait_until(lambda: desk.batch_book.find(batch_id).done >= 2)
        below = children_of(worker.pid)
        worker.kill()
        worker.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in below))
    halfway = desk.batch_book.find(batch_id)
    assert 0 < halfway.waiting < PHOTOS
    before = desk.batch_book.photos(batch_id)
    with working(settings):
        wait_until(lambda: desk.batch_book.find(batch_id).waiting == 0)
        wait_until(lambda: not list((tmp_path / "waiting").glob("*")))
    after = desk.batch_book.photos(batch_id)
    assert [photo.status for photo in after] == ["estimated"] * PHOTOS
    assert all(new == old for new, old in zip(after, before, strict=True) if old.status != "waiting")
    records = [desk.estimates.find(photo.estimate_id or "").number for photo in after]
    assert sorted(records) == list(range(min(records), min(records) + PHOTOS))
    desk.database.close()


def test_a_dead_child_is_replaced(site: Settings, tmp_path: Path) -> None:
    """Whatever ends the process that judges, another one takes up what waits, without a restart."""
    settings = site.model_copy(update={"batch_dir": tmp_path})
    desk = Services(settings)
    with working(settings) as worker:
        first = desk.batches.take_in([("a.jpg", drawn_photo(1))], "a.jpg", "0" * 32, dict)
        wait_until(lambda: desk.batch_book.find(first).waiting == 0)
        for pid in children_of(worker.pid):
            os.kill(pid, signal.SIGKILL)
        second = desk.batches.take_in([("b.jpg", drawn_photo(2))], "b.jpg", "0" * 32, dict)
        wait_until(lambda: desk.batch_book.find(second).waiting == 0)
    desk.database.close()
