"""Rows of charts by decade of known age."""

from __future__ import annotations

from collections.abc import Sequence

from simsvc.domain.gallery.build_figures import DECADE_YEARS, AgeDecade

Row = list[object]
Decades = Sequence[tuple[int, AgeDecade, AgeDecade]]


def age_rows(counts: Sequence[tuple[int, int]]) -> list[Row]:
    """Return the counts by first age of the decade, each with the name of its decade."""
    return [[_decade(first), count] for first, count in counts]


def share_rows(decades: Decades, both: bool) -> list[Row]:
    """Return the shares of one or both builds in percent."""
    return [
        [_decade(first), *(round(100 * build.share, 1) for build in _builds(pair, both))]
        for first, *pair in decades
    ]


def error_rows(decades: Decades, both: bool) -> list[Row]:
    """Return the model's mean errors on one or both builds in years; None without faces."""
    return [
        [
            _decade(first),
            *(
                None if build.mae_years is None else round(build.mae_years, 1)
                for build in _builds(pair, both)
            ),
        ]
        for first, *pair in decades
    ]


def _decade(first: int) -> str:
    return f"{first}\N{EN DASH}{first + DECADE_YEARS - 1}"


def _builds(pair: Sequence[AgeDecade], both: bool) -> Sequence[AgeDecade]:
    return pair if both else pair[:1]
