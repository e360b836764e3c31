"""How long photos are kept, and under which key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

Progress = Callable[[int, int], None]


class Photos(Protocol):
    """Photos that are kept. Every method raises StoreError where the database fails."""

    def purge(self, before: datetime, actor: str, now: datetime) -> int:
        """Delete photos kept before a moment; return how many."""
        ...

    def rotate(self, actor: str, progress: Progress, now: datetime) -> tuple[int, int]:
        """Encrypt every photo with the first key; return how many were, and how many no key opens."""
        ...

    def count(self) -> int:
        """Return how many photos are kept."""
        ...


@dataclass(frozen=True, slots=True)
class Retention:
    """What retention needs.

    Attributes:
        photos: that are kept.
        days: for how long; 0 keeps none.
        finish: overwrites what deleted photos left in files; returns of how many erasures it is not done.
        now: the clock.
    """

    photos: Photos
    days: int
    finish: Callable[[], int]
    now: Callable[[], datetime]

    def run(self, actor: str) -> int:
        """Delete the photos whose time is over and return how many; every one where none are to be kept."""
        now = self.now()
        count = self.photos.purge(now - timedelta(days=self.days), actor, now)
        self.finish()
        return count

    def rotate(self, actor: str, progress: Progress) -> tuple[int, int]:
        """Encrypt every kept photo with the first key.

        Raises:
            PhotoLocked: there is no key at all.
        """
        done = self.photos.rotate(actor, progress, self.now())
        self.finish()
        return done

    def count(self) -> int:
        """Return how many photos are kept."""
        return self.photos.count()
