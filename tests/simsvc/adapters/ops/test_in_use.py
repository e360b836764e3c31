from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.adapters.ops.in_use import alone, share
from tests.helpers import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "simsvc.sqlite3.in-use"


@pytest.fixture
def shared(path: Path) -> Iterator[None]:
    lock = share(path)
    assert lock is not None
    yield
    os.close(lock)


def is_free(path: Path) -> bool:
    with alone(path) as is_alone:
        return is_alone


@pytest.mark.usefixtures("shared")
def test_nobody_is_alone_beside_one_who_shares(path: Path) -> None:
    """A restore does not get the lock while the service has it."""
    assert not is_free(path)


@pytest.mark.usefixtures("shared")
def test_several_processes_share(path: Path) -> None:
    """A batch worker takes the lock beside the service."""
    second = share(path)
    assert second is not None
    os.close(second)


def test_a_forked_process_holds_the_lock_on(path: Path) -> None:
    """A copy of the descriptor, as a fork makes it, holds the lock until it is closed, too."""
    lock = share(path)
    assert lock is not None
    copy = os.dup(lock)
    os.close(lock)
    assert not is_free(path)
    os.close(copy)
    assert is_free(path)


def test_one_who_shares_waits_for_the_one_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A service that starts during a restore says that it waits, and goes on afterwards."""
    locks: list[int | None] = []
    start = threading.Thread(target=lambda: locks.append(share(path)))
    with alone(path) as is_alone:
        assert is_alone
        start.start()
        wait_until(lambda: "waiting for a restore to end" in caplog.text)
        assert not locks
    start.join()
    assert locks[0] is not None
    os.close(locks[0])


def test_a_file_that_cannot_be_made_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no lock can be made, the service starts and says so in its log."""
    (tmp_path / "file").touch()
    assert share(tmp_path / "file" / "lock") is None
    assert "a restore will not notice this process" in caplog.text


@pytest.mark.usefixtures("shared")
def test_the_file_is_its_owners_only(path: Path) -> None:
    """Others can neither read it nor lock it."""
    assert path.stat().st_mode & 0o077 == 0
