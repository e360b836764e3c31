"""How a declared age lies to an estimate, as one word for badges, lists and filters."""

from __future__ import annotations

from simsvc.domain.desk.declared import declared_age
from simsvc.values import Estimate, RecordedEstimate, Verdict


def verdict(declared_years: int | None, estimate: Estimate) -> Verdict | None:
    """Return whether a declared age fits an estimate, or None where no age is declared.

    A declared age fits if it lies within the range as displayed, in whole years, both ends included, so that
    badge, sentence (`declared.compare`) and plot agree. Without a reliable estimate with a range, nobody can
    tell.
    """
    usable = estimate.age_years is not None and not estimate.refer
    return verdict_within(declared_years, estimate.interval_years if usable else None)


def verdict_within(declared_years: int | None, range_years: tuple[float, float] | None) -> Verdict | None:
    """Return the verdict given the range (low, high) of a reliable estimate, or None where there is none."""
    if declared_years is None:
        return None
    if range_years is None:
        return "cannot_tell"
    low, high = (round(end) for end in range_years)
    return "fits" if low <= declared_years <= high else "outside"


def verdict_of(recorded: RecordedEstimate) -> Verdict | None:
    """Return the verdict on a record; see `verdict`."""
    return verdict(declared_age(recorded.estimate.declared, recorded.created_at.date()), recorded.estimate)
