"""Renew the lease of a photo for as long as it is being judged."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from simsvc.errors import SimsvcError
from simsvc.ports import LeaseBook
from simsvc.values import Leased

LEASE_S = 30.0
"""How long a photo of a worker that was killed waits for another one. Several times as long as an estimate
takes, and as the database may be away without a photo being judged twice."""
RENEWED_EVERY_S = LEASE_S / 3
"""Two renewals may fail before the lease ends."""

_log = logging.getLogger(__name__)


@contextmanager
def renewing(
    book: LeaseBook, leased: Leased, now: Callable[[], datetime], every_s: float = RENEWED_EVERY_S
) -> Iterator[None]:
    """Renew a lease in a thread until the block ends; a process that hangs or stops loses it.

    A worker whose lease is lost nevertheless can record nothing.
    """
    done = threading.Event()

    def renew() -> None:
        while not done.wait(every_s):
            try:
                if not book.renew(leased, now(), LEASE_S):
                    return
            except SimsvcError as error:
                _log.warning("the lease of a photo of batch %s is not renewed: %s", leased.batch_id, error)

    threading.Thread(target=renew, name="lease", daemon=True).start()
    try:
        yield
    finally:
        done.set()
