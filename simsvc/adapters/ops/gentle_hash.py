"""Hash large files without disturbing anybody: little of a core, and no page cache."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from simsvc.domain.gallery.manifest import Fingerprint

CHUNK_BYTES = 1 << 20
"""Read at a time: some 1 ms of work, so that the pauses after it are short."""


def gentle_fingerprint(path: Path, pause: Callable[[float], None]) -> Fingerprint:
    """Return SHA-256 and size of a file; `pause` is called after each chunk with the CPU seconds it took.

    Pages that no process has mapped are dropped from the page cache behind it. Source: posix_fadvise(2),
    POSIX_FADV_DONTNEED; Linux keeps mapped pages.

    Raises OSError.
    """
    digest, size_bytes = hashlib.sha256(), 0
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            start_s = time.thread_time()
            chunk = os.pread(handle, CHUNK_BYTES, size_bytes)
            if not chunk:
                return Fingerprint(digest.hexdigest(), size_bytes)
            digest.update(chunk)
            os.posix_fadvise(handle, size_bytes, len(chunk), os.POSIX_FADV_DONTNEED)
            size_bytes += len(chunk)
            pause(time.thread_time() - start_s)
    finally:
        os.close(handle)
