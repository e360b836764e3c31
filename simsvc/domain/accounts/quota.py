"""How many photos of one account may wait at once."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.errors import BatchQuota
from simsvc.values import Waiting


@dataclass(frozen=True, slots=True)
class Quota:
    """What one account may have waiting.

    Attributes:
        photos: of all its batches together.
        bytes: of these photos.
    """

    photos: int
    bytes: int

    def check(self, waiting: Waiting, more: Waiting) -> None:
        """See whether more may wait beside what waits already.

        Raises:
            BatchQuota: they may not.
        """
        if waiting.photos + more.photos > self.photos:
            raise BatchQuota("photos", waiting=waiting.photos, most=self.photos)
        if waiting.bytes + more.bytes > self.bytes:
            raise BatchQuota("bytes", waiting_mb=waiting.bytes / 1e6, most_mb=self.bytes / 1e6)


NO_QUOTA = Quota(2**63, 2**63)
"""Where nothing is bounded, as on one's own machine."""
