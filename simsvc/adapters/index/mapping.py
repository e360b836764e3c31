"""Files larger than memory: mapping them takes address space only, and the first searches read the disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.errors import IndexTooLarge


@contextmanager
def mapping(folder: Path) -> Iterator[None]:
    """Tell a file that may not be mapped from a damaged one.

    An index larger than memory is none: its pages come from the disk as they are needed.

    Raises:
        IndexTooLarge: the process has no address space for it (`ulimit -v`, a container's limit).
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
    size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return IndexTooLarge("address_space", label=folder.name, size_mb=size_mb)
