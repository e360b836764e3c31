"""How much memory there is for what is about to be made."""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def available_memory_bytes(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Return what Linux says can be taken without swapping, or what a container's limit leaves, if less.

    Source: proc_meminfo(5), MemAvailable; the kernel's documentation of cgroup v2, memory.max and
    memory.current.
    Where neither can be read, memory counts as unlimited: what is made then fails by itself, if it does.
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
    except (OSError, ValueError):  # "max" where there is no limit
        return None
