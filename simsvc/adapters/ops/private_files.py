"""Private files with faces, names and keys.

A umask makes new files private. Files from earlier versions or restores are made private when the service
starts and when the database is upgraded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MASK = 0o077
"""Umask without any rights for others. Source: POSIX, umask(); systemd's manual, "UMask="."""


@dataclass(frozen=True, slots=True)
class PrivatePlaces:
    """Private folders with all their content, and single files, or folders without content, if any."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]

    def __iter__(self) -> Iterator[Path]:
        """Yield every existing file and folder, without following links."""
        for path in self.files:
            if path.exists() and not path.is_symlink():
                yield path
        for folder in self.folders:
            if folder.is_dir():
                yield folder
                yield from _within(folder)

    def open_to_others(self) -> tuple[Path, ...]:
        """Return the paths accessible to others."""
        return tuple(path for path in self if _mode(path) & MASK)

    def close(self) -> None:
        """Remove all rights of others, except for files of another account."""
        for path in self.open_to_others():
            with suppress(OSError):
                path.chmod(_mode(path) & ~MASK)


def keep_private() -> None:
    """Set a umask that makes new files private."""
    os.umask(MASK)


def sqlite_files(file: Path) -> tuple[Path, ...]:
    """Return the files of a SQLite database. Source: SQLite, "Temporary Files Used By SQLite"."""
    return (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm", "-journal")))


def _within(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        yield from (path for name in folders if not (path := Path(root, name)).is_symlink())
        yield from (path for name in files if not (path := Path(root, name)).is_symlink())


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
