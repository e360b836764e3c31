"""Free disk space and memory, write permissions, and the disk reserve."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simsvc.errors import BatchUnwritable, DiskReserve, DiskUnfit


def least_free_bytes(folders: Iterable[Path]) -> int:
    """Return the free bytes on the fullest disk of folders; raises DiskUnfit if one cannot be checked."""
    try:
        return min(shutil.disk_usage(_standing(folder)).free for folder in folders)
    except OSError as error:
        raise DiskUnfit("disk") from error


def unwritable(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders that are not writable or cannot be created."""
    return tuple(folder for folder in folders if not os.access(_standing(folder), os.W_OK | os.X_OK))


def open_to_others(path: Path) -> bool:
    """Return whether a file is readable by others than its owner."""
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _standing(folder: Path) -> Path:
    return next(found for found in (folder, *folder.parents) if found.is_dir())


MEMINFO = Path("/proc/meminfo")


CGROUP = Path("/sys/fs/cgroup")


def available_memory_bytes(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Return the available memory on Linux, within the container's limit.

    Source: proc_meminfo(5), MemAvailable; the kernel's documentation of cgroup v2, memory.max and
    memory.current.
    Unlimited if neither can be read.
    """
    found = [_of_machine(meminfo), _of_container(cgroup)]
    return min((bytes_ for bytes_ in found if bytes_ is not None), default=2**62)


def _of_machine(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _of_container(cgroup: Path) -> int | None:
    try:
        limit, current = ((cgroup / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        return max(0, int(limit) - int(current))
    except (OSError, ValueError):  # "max" without a limit
        return None


@dataclass(frozen=True, slots=True)
class FreeDisk:
    """The disk of a folder."""

    folder: Path
    reserve_bytes: int = 0

    def check(self, more_bytes: int) -> None:
        """Check a number of bytes; raises DiskReserve in the reserve, BatchUnwritable if that is unknown."""
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise write_failure(error) from None
        if free - more_bytes < self.reserve_bytes:
            raise DiskReserve(free_mb=free / 1e6, reserve_mb=self.reserve_bytes / 1e6)


def write_failure(error: OSError) -> BatchUnwritable:
    """Return what people are told where photos cannot be written."""
    return BatchUnwritable("failed", problem=error.strerror)
