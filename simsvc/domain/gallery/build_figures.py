"""Figures of an index build, to compare two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.manifest import Manifest
from simsvc.values.site_calibration import Floats, Score, SiteCalibration

DECADE_YEARS = 10


@dataclass(frozen=True, slots=True)
class AgeDecade:
    """Faces of a decade of known ages: their share of the build, 0..1, and the model's mean error."""

    share: float
    mae_years: float | None


@dataclass(frozen=True, slots=True)
class BuildFigures:
    """What a build consists of, and how well the model does on it.

    Attributes:
        ages_years: least, median and greatest known age.
        model: errors of the model's own estimates; None in older builds.
        corrected: errors after the site calibration, cross-validated; None without one.
        decades: by first age of the decade.
    """

    manifest: Manifest
    ages_years: tuple[float, float, float]
    site: SiteCalibration | None
    model: Score | None
    corrected: Score | None
    decades: dict[int, AgeDecade]

    @property
    def contradictory(self) -> int | None:
        """Photos with conflicting labels, or None if not looked for."""
        copies = self.manifest.copies
        return None if copies is None else len(copies.contradictory)


def build_figures(
    manifest: Manifest,
    ages_years: Floats,
    estimates_years: NDArray[np.float32] | None,
    site: SiteCalibration | None,
) -> BuildFigures:
    """Return the figures of a build with N known ages and, as (N, 2), the model's and corrected estimates."""
    errors = np.full(len(ages_years), np.nan)
    if estimates_years is not None:
        errors = estimates_years[:, 0].astype(np.float64) - ages_years
    scores = {} if site is None else {one.method: one.score for one in site.candidates}
    low, middle, high = np.quantile(ages_years, (0.0, 0.5, 1.0)).tolist()
    return BuildFigures(
        manifest,
        (low, middle, high),
        site,
        _score(errors),
        scores.get(site.method) if site is not None and site.reason is None else None,
        _decades(ages_years, errors),
    )


def compared_decades(one: BuildFigures, other: BuildFigures) -> list[tuple[int, AgeDecade, AgeDecade]]:
    """Return every decade of either build, with the shares and errors of both."""
    none = AgeDecade(0.0, None)
    first, last = (f(one.decades.keys() | other.decades.keys()) for f in (min, max))
    decades = range(first, last + 1, DECADE_YEARS)
    return [(decade, one.decades.get(decade, none), other.decades.get(decade, none)) for decade in decades]


def _score(errors: Floats) -> Score | None:
    known = errors[np.isfinite(errors)]
    if not len(known):
        return None
    return Score(len(known), float(np.abs(known).mean()), float(known.mean()))


def _decades(ages_years: Floats, errors: Floats) -> dict[int, AgeDecade]:
    decade = (ages_years // DECADE_YEARS * DECADE_YEARS).astype(int)
    figures = {}
    for first in np.unique(decade).tolist():
        score = _score(errors[decade == first])
        share = float((decade == first).mean())
        figures[first] = AgeDecade(share, None if score is None else score.mae_years)
    return figures
