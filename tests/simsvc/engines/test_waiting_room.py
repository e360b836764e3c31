from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.engines.waiting_room import WaitingRoom
from simsvc.errors import BatchUnwritable

ID = "0123456789abcdef" * 2


def test_a_photo_waits_until_it_is_dropped(tmp_path: Path) -> None:
    """Bytes come back as they were; with the last photo the folder goes."""
    room = WaitingRoom(tmp_path / "waiting")
    room.put(ID, 0, b"one")
    room.put(ID, 1, b"two")
    assert (room.get(ID, 0), room.get(ID, 1), room.get(ID, 2)) == (b"one", b"two", None)
    room.drop(ID, 0)
    room.drop(ID, 0)
    room.drop(ID, 1)
    assert list((tmp_path / "waiting").iterdir()) == []


def test_only_the_owner_reads_waiting_photos(tmp_path: Path) -> None:
    """The folder of a batch is closed to other accounts of the machine."""
    WaitingRoom(tmp_path).put(ID, 0, b"one")
    assert (tmp_path / ID).stat().st_mode & 0o077 == 0


def test_no_id_is_a_path(tmp_path: Path) -> None:
    """What is no id of ours never reaches the disk."""
    with pytest.raises(ValueError, match="no id"):
        WaitingRoom(tmp_path).put("../x", 0, b"")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A file where the folder should be is told, not thrown."""
    (tmp_path / "waiting").write_bytes(b"")
    with pytest.raises(BatchUnwritable, match="Nothing was taken in"):
        WaitingRoom(tmp_path / "waiting").put(ID, 0, b"one")


def test_forgotten_photos_are_swept(tmp_path: Path) -> None:
    """Old folders of no unfinished batch go; fresh ones, known ones and other files stay."""
    room, now = WaitingRoom(tmp_path), datetime.now(UTC)
    names = [f"{n:032x}" for n in range(3)]
    for name in names:
        room.put(name, 0, b"x")
    (tmp_path / "other").mkdir()
    for name in (*names[:2], "other"):
        old = (now - timedelta(days=2)).timestamp()
        os.utime(tmp_path / name, (old, old))
    room.sweep({names[0]}, now)
    assert sorted(path.name for path in tmp_path.iterdir()) == [names[0], names[2], "other"]
