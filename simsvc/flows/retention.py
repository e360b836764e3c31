"""Retention and encryption keys of kept photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

Progress = Callable[[int, int], None]


class Photos(Protocol):
    """Kept photos. Every method raises StoreError on database errors."""

    def purge(self, before: datetime, actor: str, now: datetime) -> int:
        """Delete photos kept before a moment; return how many."""

    def rotate(self, actor: str, progress: Progress, now: datetime) -> tuple[int, int]:
        """Re-encrypt all photos with the first key; return how many were, and how many could not be."""

    def count(self) -> int:
        """Return the number of kept photos."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Dependencies of retention for days, 0 for none; `finish` overwrites copies of deleted photos."""

    photos: Photos
    days: int
    finish: Callable[[], int]
    now: Callable[[], datetime]

    def run(self, actor: str) -> int:
        """Delete expired photos, or all if none are kept, and return how many."""
        now = self.now()
        count = self.photos.purge(now - timedelta(days=self.days), actor, now)
        self.finish()
        return count

    def rotate(self, actor: str, progress: Progress) -> tuple[int, int]:
        """Encrypt every kept photo with the first key; raises PhotoLocked if there is no key."""
        done = self.photos.rotate(actor, progress, self.now())
        self.finish()
        return done

    def count(self) -> int:
        """Return the number of kept photos."""
        return self.photos.count()
