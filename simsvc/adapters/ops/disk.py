"""Room on the disks, and what may be written there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from simsvc.errors import DiskUnfit


def least_free_bytes(folders: Iterable[Path]) -> int:
    """Return the room on the fullest of the disks that these folders are on, or will be on.

    Raises:
        DiskUnfit: one cannot be looked at.
    """
    try:
        return min(shutil.disk_usage(_standing(folder)).free for folder in folders)
    except OSError as error:
        raise DiskUnfit("The disk cannot be looked at. See whether it is mounted and readable.") from error


def unwritable(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders in which this process may not make files; one that is missing could not be made."""
    return tuple(folder for folder in folders if not os.access(_standing(folder), os.W_OK | os.X_OK))


def open_to_others(path: Path) -> bool:
    """Say whether a file can be read by others than its owner; one that is missing cannot."""
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _standing(folder: Path) -> Path:
    """Return the folder, or the nearest one above that is there."""
    return next(found for found in (folder, *folder.parents) if found.is_dir())
