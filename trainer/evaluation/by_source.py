"""Error figures by source, with 95% bootstrap intervals that draw persons, not photos.

Photos of one person are no independent witnesses: FG-NET has a dozen of each. So whole persons are drawn (the
cluster bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8), and a
photo without a known person counts as a separate person.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.formats.rows import Row
from trainer.evaluation.measures.metrics import RESAMPLES, Figure, decade, figure

Floats = NDArray[np.float64]
WORST_SHARE = 0.01  # The error that this share of the faces exceeds is reported as the worst 1%
GENDERS = ("female", "male")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Faces of one source and a model's estimates."""

    ages_years: Floats  # (N,): labels; the middle of the window where only a window is known
    windows_years: Floats  # (N, 2): the window; both ends the label where the age is known exactly
    estimates_years: Floats  # (N,)
    ranges_years: Floats | None  # (N, 2): ends of the 90% range, or None where the model has none
    persons: NDArray[np.int64]  # (N,): the same number for photos of one person
    genders: NDArray[np.str_]  # of each face, or ""

    def taken(self, at: NDArray[np.int64] | NDArray[np.bool_]) -> Judged:
        """Return the faces at positions, or where a mask says so."""
        return Judged(
            self.ages_years[at],
            self.windows_years[at],
            self.estimates_years[at],
            None if self.ranges_years is None else self.ranges_years[at],
            self.persons[at],
            self.genders[at],
        )

    @property
    def errors_years(self) -> Floats:
        """Estimate minus label, float64 (N,)."""
        return self.estimates_years - self.ages_years


def judged(rows: Sequence[Row], estimates_years: Floats, ranges_years: Floats | None = None) -> Judged:
    """Put rows and estimates together."""
    ages = np.array([row.age_years for row in rows], dtype=np.float64)
    windows = np.array([row.window_years for row in rows], dtype=np.float64).reshape(-1, 2)
    genders = np.array([row.gender or "" for row in rows])
    return Judged(ages, windows, estimates_years, ranges_years, persons_of(rows), genders)


def persons_of(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Return int64 (N,): a number per person, and a separate one per photo of an unknown person."""
    keys = [(row.source, row.person or "", "" if row.person else row.reference) for row in rows]
    numbers = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.int64)


def draws(persons: NDArray[np.int64], seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Yield, RESAMPLES times, positions of the photos of persons drawn with replacement.

    `scipy.stats.bootstrap` draws single observations, and cannot draw all photos of a person together.
    """
    random = np.random.default_rng(seed)
    count = int(persons.max()) + 1
    known = np.unique(persons)
    for _ in range(RESAMPLES):
        times = np.bincount(random.choice(known, len(known)), minlength=count)
        yield np.repeat(np.arange(len(persons)), times[persons])


def seed_of(source: str) -> int:
    """Return a seed for each source, so that means over sources draw each for itself."""
    return zlib.crc32(source.encode())


def mae(faces: Judged) -> float:
    """Return the mean absolute error, years; of a window, from its middle."""
    return float(np.abs(faces.errors_years).mean())


def outside(faces: Judged) -> float:
    """Return how far estimates lie outside of their windows on average, years; 0 inside."""
    low, high = faces.windows_years.T
    return float(np.maximum(np.maximum(low - faces.estimates_years, faces.estimates_years - high), 0).mean())


def bias(faces: Judged) -> float:
    """Return the mean of estimate minus label, years."""
    return float(faces.errors_years.mean())


def worst_1pc(faces: Judged) -> float:
    """Return the absolute error, years, that 1% of the faces exceed."""
    return float(np.quantile(np.abs(faces.errors_years), 1 - WORST_SHARE))


def constant(faces: Judged) -> float:
    """Return the mean absolute error, years, of telling everyone the median age of these very faces."""
    return float(np.abs(faces.ages_years - np.median(faces.ages_years)).mean())


def ratio(faces: Judged) -> float:
    """Return the error over that of the constant guess; not a number where all ages are the same."""
    guess = constant(faces)
    return mae(faces) / guess if guess else math.nan


def slope(faces: Judged) -> float:
    """Return the slope of label on estimate by least squares: below 1 where estimates spread too wide."""
    spread = float(np.var(faces.estimates_years))
    if spread == 0:
        return math.nan
    estimates, ages = faces.estimates_years, faces.ages_years
    off = (estimates - estimates.mean()) * (ages - ages.mean())
    return float(off.mean()) / spread


def coverage(faces: Judged) -> float:
    """Return the share of labels (of windows, their middles) inside the 90% range, ends included."""
    if faces.ranges_years is None:
        return math.nan
    low, high = faces.ranges_years.T
    return float(((low <= faces.ages_years) & (faces.ages_years <= high)).mean())


def overlap(faces: Judged) -> float:
    """Return the share of windows that the 90% range touches."""
    if faces.ranges_years is None:
        return math.nan
    low, high = faces.ranges_years.T
    return float(((low <= faces.windows_years[:, 1]) & (faces.windows_years[:, 0] <= high)).mean())


def women_over_men(faces: Judged) -> float:
    """Return the error of women over that of men; not a number where either is missing."""
    women, men = (np.abs(faces.errors_years[faces.genders == name]) for name in GENDERS)
    return float(women.mean() / men.mean()) if len(women) and len(men) and men.mean() else math.nan


Statistic = Callable[[Judged], float]
BASIC: Mapping[str, Statistic] = {"mae": mae, "bias": bias, "coverage": coverage}
WHOLE: Mapping[str, Statistic] = {
    "mae": mae,
    "outside_window": outside,
    "bias": bias,
    "worst_1pc": worst_1pc,
    "coverage": coverage,
    "window_overlap": overlap,
    "constant": constant,
    "ratio": ratio,
    "slope": slope,
    "women_over_men": women_over_men,
}
WINDOWED = ("outside_window", "window_overlap")
"""Figures that say nothing new where all ages are known exactly."""
AVERAGED = ("mae", "constant", "worst_1pc", "coverage")
"""Figures whose mean over sources is reported: every source counts alike, however many faces it has."""


def figures(faces: Judged, statistics: Mapping[str, Statistic]) -> dict[str, Figure]:
    """Return every figure that can be computed, with its interval."""
    return summarised(resampled(faces, statistics))


def resampled(faces: Judged, statistics: Mapping[str, Statistic], seed: int = 0) -> dict[str, Floats]:
    """Return float64 (1 + RESAMPLES,) by name: the figure, then that of each resample."""
    samples = [faces, *(faces.taken(at) for at in draws(faces.persons, seed))]
    return {key: np.array([measure(sample) for sample in samples]) for key, measure in statistics.items()}


def summarised(values: Mapping[str, Floats]) -> dict[str, Figure]:
    """Return the figures with their intervals; those that are not a number are left out."""
    return {
        name: figure(resamples[np.isfinite(resamples)])
        for name, resamples in values.items()
        if np.isfinite(resamples[0]) and np.isfinite(resamples[1:]).any()
    }


def source_document(name: str, split: str, faces: Judged) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Return the figures of one source as plain values, and the resamples of those averaged over sources."""
    exact = bool((faces.windows_years[:, 0] == faces.windows_years[:, 1]).all())
    wanted = {key: value for key, value in WHOLE.items() if not (exact and key in WINDOWED)}
    values = resampled(faces, wanted, seed_of(name))
    persons = len(np.unique(faces.persons))
    document = {
        "source": name,
        "split": split,
        "faces": len(faces.ages_years),
        **({"persons": persons} if persons < len(faces.ages_years) else {}),
        "median_age_years": float(np.median(faces.ages_years)),
        "worst": round(float(np.abs(faces.errors_years).max()), 4),
        **plain(summarised(values)),
        "decades": part_documents(faces, [decade(age) for age in faces.ages_years]),
        "genders": part_documents(faces, faces.genders.tolist()),
    }
    return document, {key: values[key] for key in AVERAGED}


def part_documents(faces: Judged, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the basic figures of each part, in the order of names; faces without a name are in none."""
    of = np.array(names)
    return [
        {"part": name, "faces": int((of == name).sum()), **plain(figures(faces.taken(of == name), BASIC))}
        for name in sorted(set(names) - {""})
    ]


def averaged(resamples: Sequence[Mapping[str, Floats]]) -> dict[str, Any]:
    """Return the means over sources, each source drawn for itself, and the error over the constant guess."""
    means = {key: np.mean([values[key] for values in resamples], axis=0) for key in AVERAGED}
    means["ratio"] = means["mae"] / np.where(means["constant"] > 0, means["constant"], np.nan)
    return {"sources": len(resamples), **plain(summarised(means))}


def plain(values: Mapping[str, Figure]) -> dict[str, dict[str, float]]:
    """Return figures as JSON has them."""
    return {key: {"value": f.value, "low": f.low, "high": f.high} for key, f in values.items()}
