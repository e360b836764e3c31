from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.adapters.photos.batch_spool import BatchSpool
from simsvc.errors import BatchUnwritable, DiskReserve

ID = "0123456789abcdef" * 2


def grow_old(folder: Path) -> None:
    old = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    os.utime(folder, (old, old))


def test_a_photo_waits_until_it_is_dropped(tmp_path: Path) -> None:
    """Bytes come back as they were; with the last photo the folder goes."""
    room = BatchSpool(tmp_path / "waiting")
    room.put(ID, 0, b"one")
    room.put(ID, 1, b"two")
    assert (room.get(ID, 0), room.get(ID, 1), room.get(ID, 2)) == (b"one", b"two", None)
    room.drop(ID, 0)
    room.drop(ID, 0)
    room.drop(ID, 1)
    assert list((tmp_path / "waiting").iterdir()) == []


def test_only_the_owner_reads_waiting_photos(tmp_path: Path) -> None:
    """Folder and file are closed to other accounts of the machine."""
    with BatchSpool(tmp_path).filling(ID):
        BatchSpool(tmp_path).put(ID, 0, b"one")
    assert (tmp_path / ID).stat().st_mode & 0o077 == 0
    assert next((tmp_path / ID).iterdir()).stat().st_mode & 0o077 == 0


def test_no_id_is_a_path(tmp_path: Path) -> None:
    """What is no id of ours never reaches the disk."""
    with pytest.raises(ValueError, match="no id"):
        BatchSpool(tmp_path).put("../x", 0, b"")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A file where the folder should be is told, not thrown."""
    (tmp_path / "waiting").write_bytes(b"")
    room = BatchSpool(tmp_path / "waiting")
    with pytest.raises(BatchUnwritable, match="Nothing was uploaded"):
        room.put(ID, 0, b"one")
    with pytest.raises(BatchUnwritable, match="Nothing was uploaded"), room.filling(ID):
        pass


def test_the_reserve_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photo is held against it, so that an upload stops where it would be touched."""
    free = iter([1_000_000, 600_000])
    monkeypatch.setattr(
        "simsvc.adapters.ops.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": next(free)})
    )
    room = BatchSpool(tmp_path, reserve_bytes=500_000)
    room.put(ID, 0, bytes(400_000))
    with pytest.raises(DiskReserve, match="MB for records"):
        room.put(ID, 1, bytes(400_000))
    assert room.get(ID, 1) is None


def test_an_upload_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Whatever ends it."""
    room = BatchSpool(tmp_path)

    def upload() -> None:
        with room.filling(ID):
            room.put(ID, 0, b"one")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload()
    assert list(tmp_path.iterdir()) == []


def test_forgotten_photos_are_swept(tmp_path: Path) -> None:
    """Old folders of no unfinished batch go; fresh ones, known ones and other files stay."""
    room = BatchSpool(tmp_path)
    names = [f"{n:032x}" for n in range(3)]
    for name in names:
        room.put(name, 0, b"x")
    (tmp_path / "other").mkdir()
    for name in (*names[:2], "other"):
        grow_old(tmp_path / name)
    room.sweep(lambda: {names[0]}, datetime.now(UTC))
    assert sorted(path.name for path in tmp_path.iterdir()) == [names[0], names[2], "other"]


def test_an_upload_that_still_runs_is_not_swept(tmp_path: Path) -> None:
    """However long it takes; one whose process was killed is."""
    room = BatchSpool(tmp_path)
    code = (
        "import pathlib, sys, time; from simsvc.adapters.photos.batch_spool import BatchSpool\n"
        f"room = BatchSpool(pathlib.Path({str(tmp_path)!r}))\n"
        f"with room.filling({ID!r}):\n"
        f"    room.put({ID!r}, 0, b'x'); print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as upload:
        assert upload.stdout is not None
        assert upload.stdout.readline() == b"held\n"
        grow_old(tmp_path / ID)
        room.sweep(set, datetime.now(UTC))
        assert room.get(ID, 0) == b"x"
        upload.send_signal(signal.SIGKILL)
        upload.wait(10)
    room.sweep(set, datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_recorded_meanwhile_is_not_swept(tmp_path: Path) -> None:
    """What is known is asked after the folder was seen to be free."""
    room = BatchSpool(tmp_path)
    room.put(ID, 0, b"x")
    grow_old(tmp_path / ID)
    room.sweep(lambda: {ID}, datetime.now(UTC))
    assert room.get(ID, 0) == b"x"
