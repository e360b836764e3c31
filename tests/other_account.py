"""Another account of this machine, for what it may not read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that every account may enter; pytest's own are shut."""
    folder = Path(tempfile.mkdtemp(prefix="simsvc-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def shut(path: Path) -> Iterator[None]:
    """Let the block run as an account that may not read, write or enter a file or folder.

    The superuser may do everything, so that it becomes nobody for so long.
    """
    before, superuser = path.stat().st_mode, os.geteuid() == 0
    path.chmod(0)
    if superuser:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)
        path.chmod(before)
