"""Mapping files larger than memory."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.errors import IndexTooLarge


@contextmanager
def mapping(folder: Path) -> Iterator[None]:
    """Raise IndexTooLarge if a file cannot be mapped.

    Indexes larger than memory work: pages are read from disk on demand.

    Raises IndexTooLarge if the process has no address space for it (`ulimit -v`, a container's limit).
    """
    try:
        yield
    except MemoryError:
        raise _too_large(folder) from None
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise _too_large(folder) from None


def _too_large(folder: Path) -> IndexTooLarge:
    size_mb = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return IndexTooLarge("address_space", label=folder.name, size_mb=size_mb)
