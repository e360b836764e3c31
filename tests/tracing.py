"""What a process and its children create on the disk and connect to, as Debian's strace sees it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

INSTALL = "apt-get install -y --no-install-recommends strace"
ROOT = Path(__file__).resolve().parents[1]
OPENING = ("open", "openat", "openat2", "creat")
MAKING = ("mkdir", "mkdirat", "mknod", "mknodat")
NAMING = ("link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2")
SENDING = ("connect", "sendto", "sendmsg", "sendmmsg")
CALLS = (*OPENING, *MAKING, *NAMING, *SENDING)
"""What is traced. ARM64 lacks some of them; strace passes over a name with a question mark there."""
WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT")
OWN_MEMORY = ("/dev/", "/proc/")
"""Devices, shared memory, and what the kernel tells a process about itself: no file on a disk."""
OWN_ADDRESSES = ("AF_INET 127.", "AF_INET6 ::1", "AF_UNIX /var/run/nscd/socket")
"""The loopback interface, and the C library's cache of this machine's accounts."""
LOOK_UP = re.compile(r'"/etc/resolv\.conf"|htons\(53\)|/systemd/resolve/')
"""What begins a DNS look-up: the C library reads which servers to ask, and asks one, or systemd does."""
PATH = re.compile(r'(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, "(?P<relative>[^"]*)"|"(?P<bare>[^"]*)"')
ADDRESS = re.compile(r'sa_family=(?P<family>AF_\w+)(?:[^"}]*"(?P<host>[^"]*)")?')


@dataclass(frozen=True)
class Seen:
    """What was seen: files created or written, addresses connected or sent to, DNS look-ups begun."""

    written: frozenset[str]
    addresses: frozenset[str]
    look_ups: frozenset[str]

    def outside(self, *folders: Path) -> set[str]:
        """Return the files that lie in none of the folders, but for compiled Python beside its source."""
        own = tuple(map(str, folders))
        return {
            path
            for path in self.written
            if not path.startswith(own) and not _is_own_memory(path) and "__pycache__" not in path
        }

    def foreign(self) -> set[str]:
        """Return the addresses that are not this machine's own."""
        return {address for address in self.addresses if not address.startswith(OWN_ADDRESSES)}


def _is_own_memory(path: str) -> bool:
    """Return whether a path is no file; the tests' own temporary files may lie in shared memory."""
    return path.startswith(OWN_MEMORY) and not path.startswith(tempfile.gettempdir() + "/")


def traced(program: Sequence[str | Path], log: Path) -> list[str]:
    """Return the command that runs a program under strace and writes a file for each thread beside `log`.

    Skips where there is no strace, or tracing is forbidden; on a CI server, where it is installed, fails.
    """
    said = _trial()
    if said:
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    options = ["-f", "-ff", "-y", "-qq", "--seccomp-bpf", "-s", "300", "-o", str(log)]
    options += ["-e", "trace=" + ",".join(f"?{call}" for call in CALLS)]
    return ["strace", *options, *map(str, program)]


def _trial() -> str:
    """Return why programs cannot be traced here, or nothing."""
    if not shutil.which("strace"):
        return f"There is no strace. Install it: {INSTALL}"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else ""


def bare_environment(home: Path, **settings: str | Path) -> dict[str, str]:
    """Return an environment as a new user has it: a home folder, and nothing that silences anything.

    What switches reports off in the tests' own process, and CI, which some libraries take for a reason to be
    silent, would hide what users get.
    """
    for folder in (home, home.parent / "tmp"):
        folder.mkdir(exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    own = {"HOME": str(home), "TMPDIR": str(home.parent / "tmp"), "PATH": path, "PYTHONPATH": str(ROOT)}
    return {**own, "OMP_NUM_THREADS": "1", **{name: str(value) for name, value in settings.items()}}


def seen(log: Path, folder: Path) -> Seen:
    """Read what strace wrote of programs that work in `folder`."""
    written, addresses, look_ups = set(), set(), set()
    for line in _lines(log):
        call = line.partition("(")[0]
        if LOOK_UP.search(line):
            look_ups.add(line)
        if call in SENDING:
            addresses.update(_addresses(line))
        elif call in CALLS and " = -1 " not in line and _writes(call, line):
            written.add(os.path.normpath(folder / _path(call, line)))
    return Seen(frozenset(written), frozenset(addresses), frozenset(look_ups))


def _writes(call: str, line: str) -> bool:
    return not call.startswith("open") or any(flag in line for flag in WRITING)


def _lines(log: Path) -> Iterator[str]:
    for path in log.parent.glob(f"{log.name}.*"):
        yield from path.read_text(errors="replace").splitlines()


def _addresses(line: str) -> Iterator[str]:
    """Yield the addresses of a call; one without any goes on over what is connected already."""
    for found in ADDRESS.finditer(line):
        yield f"{found['family']} {found['host'] or line}"


def _path(call: str, line: str) -> Path:
    """Return the file that a call made: the last one that it names, or the only one."""
    found = list(PATH.finditer(line.rpartition(" = ")[0]))
    named = found[-1 if call in NAMING else 0]
    return Path(named["bare"]) if named["bare"] is not None else Path(named["folder"]) / named["relative"]


def new_files(folder: Path) -> list[str]:
    """Return all that lies under a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
