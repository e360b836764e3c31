from __future__ import annotations

import gc
import io
import os
import zipfile
from pathlib import Path

import pytest

from simsvc.adapters.photos.upload_spool import UploadSpool
from simsvc.errors import BatchUnwritable, DiskReserve


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_parts_come_back_as_they_were(tmp_path: Path) -> None:
    """One after another, each read and sought by itself, and no part sees another's bytes."""
    spool = UploadSpool(tmp_path / "incoming")
    parts = []
    for content in (b"one" * 1000, b"", b"three"):
        part = spool.part()
        for start in range(0, len(content), 700):
            part.write(content[start : start + 700])
        part.seek(0)
        parts.append(part)
    assert [part.read() for part in parts] == [b"one" * 1000, b"", b"three"]
    parts[0].seek(-3, os.SEEK_END)
    assert (parts[0].tell(), parts[0].read(99), parts[0].read(1)) == (2997, b"one", b"")
    with pytest.raises(OSError, match="begins at 0"):
        parts[0].seek(-1)


def test_a_zip_is_read_from_its_part(tmp_path: Path) -> None:
    """`zipfile` finds all that it needs of a file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", b"1" * 100_000)
    spool = UploadSpool(tmp_path)
    spool.part().write(b"before")
    part = spool.part()
    part.write(buffer.getvalue())
    spool.part().write(b"behind")
    with zipfile.ZipFile(part) as archive:
        assert archive.read("a.jpg") == b"1" * 100_000


def test_many_parts_take_one_open_file_without_a_name(tmp_path: Path) -> None:
    """The system's limit of open files is no limit of photos; a process that is killed leaves nothing."""
    gc.collect()  # files of other tests are closed now, and not while these are counted
    before, spool = open_files(), UploadSpool(tmp_path)
    parts = [spool.part() for _ in range(2_000) if spool.part().write(b"x")]
    assert (len(parts), open_files() - before, list(tmp_path.iterdir())) == (2_000, 1, [])
    spool.close()
    assert open_files() == before


def test_the_reserve_is_looked_at_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills meanwhile, the rest is thrown away, the room given back and the reason kept."""
    free = iter([200_000_000, 90_000_000])
    monkeypatch.setattr(
        "simsvc.adapters.ops.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": next(free)})
    )
    before, spool = open_files(), UploadSpool(tmp_path, reserve_bytes=100_000_000)
    part = spool.part()
    for _ in range(40):
        assert part.write(bytes(1_000_000)) == 1_000_000
    assert isinstance(spool.problem, DiskReserve)
    assert "90 MB of disk space left and must keep 100 MB" in spool.problem.sentence
    assert open_files() == before


def test_a_folder_that_cannot_be_written_is_kept_as_a_sentence(tmp_path: Path) -> None:
    """The upload is read to its end all the same."""
    (tmp_path / "incoming").write_bytes(b"")
    spool = UploadSpool(tmp_path / "incoming")
    assert spool.part().write(b"one") == 3
    assert isinstance(spool.problem, BatchUnwritable)
    assert "Nothing was uploaded" in spool.problem.sentence
