"""Erasures and their receipts."""

from __future__ import annotations

from dataclasses import dataclass

ERASED = "erased"
"""Placeholder for the name of an erased photo in a batch, and its code."""


@dataclass(frozen=True, slots=True)
class Erasable:
    """Data to erase.

    Attributes:
        record_ids: public ids of estimates, oldest first.
        counts: "records", "crops", "photos", "decisions", "batch_photos" to number.
        waiting: (batch ID, position) of waiting photos.
    """

    record_ids: tuple[str, ...]
    counts: dict[str, int]
    waiting: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The number of an erasure's receipt in the log, and the erased data."""

    event: int
    erased: Erasable
