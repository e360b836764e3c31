"""A reserve of free disk space, which uploads leave for the database, its log and everything else."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from simsvc.errors import BatchUnwritable, DiskReserve


@dataclass(frozen=True, slots=True)
class FreeDisk:
    """The disk that a folder lies on.

    Attributes:
        folder: which is there.
        reserve_bytes: to be left free.
    """

    folder: Path
    reserve_bytes: int = 0

    def check(self, more_bytes: int) -> None:
        """See whether so many bytes may be written.

        Raises:
            DiskReserve: they would take from the reserve.
            BatchUnwritable: the disk cannot be looked at.
        """
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise unwritable(error) from None
        if free - more_bytes < self.reserve_bytes:
            raise DiskReserve(
                f"The service's disk has {free / 1e6:.0f} MB free, and {self.reserve_bytes / 1e6:.0f} MB are "
                "kept for its records, so nothing was taken in. "
                "Try again once waiting photos are judged; if it persists, tell the operator."
            )


def unwritable(error: OSError) -> BatchUnwritable:
    """Return what people are told where photos cannot be written."""
    return BatchUnwritable(
        f"The photos cannot be kept until they are judged ({error.strerror}). Nothing was taken in. "
        "Try again later; if it persists, tell the operator."
    )
