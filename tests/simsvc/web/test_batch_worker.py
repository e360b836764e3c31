from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simsvc.settings import Settings
from simsvc.wiring.services import Services
from tests.small_site import drawn_photo

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120
PHOTOS = 12

pytestmark = pytest.mark.slow


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "SIMSVC_BUNDLE_DIR": str(settings.bundle_dir),
        "SIMSVC_INDEX_ROOT": str(settings.index_root),
        "SIMSVC_BATCH_DIR": str(settings.batch_dir),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
    }


@contextmanager
def working(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker as operators do, and end it."""
    command = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app", "batch", "work", "--with-parent"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(settings)) as worker:
        try:
            yield worker
        finally:
            if worker.poll() is None:
                worker.terminate()
                assert worker.wait(PATIENCE_S) == 0


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_worker_is_followed_by_one_that_goes_on(site: Settings, tmp_path: Path) -> None:
    """After kill -9 in the middle the next worker judges the rest, each photo once, and leaves no file."""
    settings = site.model_copy(update={"batch_dir": tmp_path})
    desk = Services(settings)
    photos = [(f"{n:02}.jpg", drawn_photo(n)) for n in range(PHOTOS)]
    batch_id = desk.batches.take_in(photos, "photos.zip", "0" * 32, dict)
    with working(settings) as worker:
        wait_for(lambda: desk.batch_book.find(batch_id).done >= 2)
        below = children(worker.pid)
        worker.kill()
        worker.wait()
    wait_for(lambda: not any(alive(pid) for pid in below))
    halfway = desk.batch_book.find(batch_id)
    assert 0 < halfway.waiting < PHOTOS
    before = desk.batch_book.photos(batch_id)
    with working(settings):
        wait_for(lambda: desk.batch_book.find(batch_id).waiting == 0)
        wait_for(lambda: not list((tmp_path / "waiting").glob("*")))
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
        wait_for(lambda: desk.batch_book.find(first).waiting == 0)
        for pid in children(worker.pid):
            os.kill(pid, signal.SIGKILL)
        second = desk.batches.take_in([("b.jpg", drawn_photo(2))], "b.jpg", "0" * 32, dict)
        wait_for(lambda: desk.batch_book.find(second).waiting == 0)
    desk.database.close()
