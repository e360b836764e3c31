"""What is erased, and the receipt of it."""

from __future__ import annotations

from dataclasses import dataclass

ERASED = "erased"
"""What stands in a batch where the name of an erased photo stood, and the photo's code."""


@dataclass(frozen=True, slots=True)
class Erasable:
    """What there is to erase.

    Attributes:
        record_ids: public ids of estimates, oldest first.
        counts: "records", "crops", "photos", "decisions", "batch_photos" to how many.
        waiting: (batch id, position) of photos that are not judged yet.
    """

    record_ids: tuple[str, ...]
    counts: dict[str, int]
    waiting: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something was erased.

    Attributes:
        event: number of the receipt in the log.
        erased: what there was.
    """

    event: int
    erased: Erasable
