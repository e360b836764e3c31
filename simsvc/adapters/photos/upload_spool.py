"""Spool all files of a large upload into one temporary file."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from simsvc.adapters.ops.disk import FreeDisk, write_failure
from simsvc.errors import BatchUnwritable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CHECK_EVERY_BYTES = 16_000_000
"""Bytes between disk checks: small compared to any reserve, some 20 checks a second."""


class UploadSpool:
    """Receives the parts of a form one by one in an unnamed temporary file; the folder is created if missing.

    If writing fails, data is discarded and the error kept, because the client reads the response only after
    sending everything.
    """

    def __init__(self, folder: Path, reserve_bytes: int = 0) -> None:
        self.problem: BatchUnwritable | None = None
        self._disk = FreeDisk(folder, reserve_bytes)
        self._file: BinaryIO | None = None
        self._size = self._checked = 0

    def part(self) -> SpooledPart:
        """Return the next part; only the newest one is writable."""
        return SpooledPart(self, self._size)

    def append(self, data: bytes) -> int:
        """Append bytes, or keep the error; return the number written."""
        if self.problem is not None:
            return 0
        try:
            self._look(len(data))
            self._opened().write(data)
        except OSError as error:
            self._give_up(write_failure(error))
            return 0
        except BatchUnwritable as problem:
            self._give_up(problem)
            return 0
        self._size += len(data)
        return len(data)

    def read(self, start: int, size: int) -> bytes:
        """Return up to a number of bytes from a position."""
        return os.pread(self._file.fileno(), size, start) if self._file else b""

    def close(self) -> None:
        """Free the disk space."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._disk.folder, buffering=0)  # noqa: SIM115 - see close
        return self._file

    def _look(self, more_bytes: int) -> None:
        if self._file is None:
            self._disk.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._file is None or self._size + more_bytes - self._checked > CHECK_EVERY_BYTES:
            self._disk.check(CHECK_EVERY_BYTES)
            self._checked = self._size + more_bytes

    def _give_up(self, problem: BatchUnwritable) -> None:
        self.problem = problem
        self.close()


class SpooledPart(io.RawIOBase):
    """One file of an upload, a section of its spool."""

    def __init__(self, spool: UploadSpool, start: int) -> None:
        super().__init__()
        self._spool, self._start = spool, start
        self._size = self._place = 0

    def write(self, data: ReadableBuffer, /) -> int:
        """Append; discarded bytes count as written, see `UploadSpool`."""
        piece = bytes(data)
        self._size += self._spool.append(piece)
        return len(piece)

    def read(self, size: int = -1, /) -> bytes:
        """Return up to a number of bytes from the current position; all for -1."""
        left = max(0, self._size - self._place)
        piece = self._spool.read(self._start + self._place, left if size < 0 else min(size, left))
        self._place += len(piece)
        return piece

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer from the current position."""
        view = memoryview(buffer).cast("B")
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Change the position, like files."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("a file begins at 0")
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Return the position."""
        return self._place

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True
