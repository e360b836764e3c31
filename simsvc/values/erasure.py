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
    """The result of an erasure.

    Attributes:
        event: number of the receipt in the log.
        erased: the erased data.
    """

    event: int
    erased: Erasable
