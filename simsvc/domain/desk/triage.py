"""Which photos of a batch a person should look at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from simsvc.values import Verdict

TriageState = Literal["waiting", "reliable", "unreliable", "erased"]
"""No result yet; a reliable estimate; an unreliable one or none at all; erased."""


@dataclass(frozen=True, slots=True)
class TriagedPhoto:
    """What sorting and filtering need to know of a photo of a batch.

    Attributes:
        position: from 0, in upload order.
        verdict: None where no age is declared or no result is recorded.
        doubt: doubt score of its estimate, see `domain.estimate.doubt`.
    """

    position: int
    state: TriageState
    verdict: Verdict | None = None
    doubt: float | None = None
    case: str | None = None
    is_recorded: bool = False
    is_decided: bool = False


Shown = Literal["all", "undecided", "outside", "cannot_tell", "fits", "no_age"]
SHOWN: tuple[Shown, ...] = get_args(Shown)
"""Filters: every photo; results without a decision; a verdict; results without a declared age."""
Order = Literal["doubt", "upload", "case"]
ORDERS: tuple[Order, ...] = get_args(Order)

_RANKS: Mapping[Verdict | None, int] = {"outside": 0, "cannot_tell": 1, "fits": 2, None: 2}
_LAST = 3


def by_doubt(photo: TriagedPhoto) -> tuple[Any, ...]:
    """Return the sort key: outside the range first, then unreliable ones, then by expected error."""
    rank = 1 if photo.state == "unreliable" else _RANKS[photo.verdict]
    if photo.state in ("waiting", "erased"):
        rank = _LAST
    return rank, -photo.doubt if photo.doubt is not None else 0.0, photo.position


def _by_case(photo: TriagedPhoto) -> tuple[Any, ...]:
    return photo.case is None, photo.case or "", photo.position


_ORDERS: Mapping[Order, Callable[[TriagedPhoto], tuple[Any, ...]]] = {
    "doubt": by_doubt,
    "upload": lambda photo: (photo.position,),
    "case": _by_case,
}


def filters_of(photo: TriagedPhoto) -> tuple[Shown, ...]:
    """Return the filters that show a photo."""
    if not photo.is_recorded or photo.state == "erased":
        return ("all",)
    undecided: tuple[Shown, ...] = () if photo.is_decided else ("undecided",)
    return ("all", *undecided, photo.verdict or "no_age")


def arranged(photos: Iterable[TriagedPhoto], show: Shown = "all", sort: Order = "doubt") -> list[int]:
    """Return the positions of the photos that a filter shows, in this order."""
    kept = [photo for photo in photos if show in filters_of(photo)]
    return [photo.position for photo in sorted(kept, key=_ORDERS[sort])]


def filter_counts(photos: Iterable[TriagedPhoto]) -> dict[Shown, int]:
    """Count the photos of every filter."""
    counts = Counter(name for photo in photos for name in filters_of(photo))
    return {name: counts[name] for name in SHOWN}
