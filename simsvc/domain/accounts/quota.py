"""How many photos of one account may wait at once."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.errors import BatchQuota
from simsvc.values import Waiting


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits on the number and bytes of the waiting photos of one account, in all its batches together."""

    photos: int
    bytes: int

    def check(self, waiting: Waiting, more: Waiting) -> None:
        """Check whether more photos may wait.

        Raises:
            BatchQuota: the limit would be exceeded.
        """
        if waiting.photos + more.photos > self.photos:
            raise BatchQuota("photos", waiting=waiting.photos, most=self.photos)
        if waiting.bytes + more.bytes > self.bytes:
            raise BatchQuota("bytes", waiting_mb=waiting.bytes / 1e6, most_mb=self.bytes / 1e6)


NO_QUOTA = Quota(2**63, 2**63)
"""No limits, for example on a personal machine."""
