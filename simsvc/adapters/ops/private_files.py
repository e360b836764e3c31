"""Files that only the account of the service may read: they hold faces, names and keys.

One mask in every process makes them so from the start. Files that an earlier version made, or that were put
back with other rights, are closed when the service starts and when the database is upgraded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MASK = 0o077
"""What others may not: anything. Source: POSIX, umask(); systemd's manual, "UMask="."""


@dataclass(frozen=True, slots=True)
class PrivatePlaces:
    """Where such files lie.

    Attributes:
        folders: with everything in them.
        files: single ones, and folders by themselves; they may be missing.
    """

    folders: tuple[Path, ...]
    files: tuple[Path, ...]

    def __iter__(self) -> Iterator[Path]:
        """Give every file and folder that is there; what a link points to is not followed."""
        for path in self.files:
            if path.exists() and not path.is_symlink():
                yield path
        for folder in self.folders:
            if folder.is_dir():
                yield folder
                yield from _within(folder)

    def open_to_others(self) -> tuple[Path, ...]:
        """Return what others than the owner have any right to."""
        return tuple(path for path in self if _mode(path) & MASK)

    def close(self) -> None:
        """Take every right to them from others; what belongs to another account stays as it is."""
        for path in self.open_to_others():
            with suppress(OSError):
                path.chmod(_mode(path) & ~MASK)


def keep_private() -> None:
    """Have this process, and those that it starts, make files that nobody else can read or write."""
    os.umask(MASK)


def sqlite_files(file: Path) -> tuple[Path, ...]:
    """Return the files that SQLite keeps a database in. Source: SQLite, "Temporary Files Used By SQLite"."""
    return (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm", "-journal")))


def _within(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        yield from (path for name in folders if not (path := Path(root, name)).is_symlink())
        yield from (path for name in files if not (path := Path(root, name)).is_symlink())


def _mode(path: Path) -> int:
    """Return a file's rights, or none for one that has just been deleted."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
