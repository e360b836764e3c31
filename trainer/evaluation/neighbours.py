"""How well the nearest faces explain an estimate: measured on queries that the gallery does not hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.estimate.explain import LEAST_DISTANCE

TOP = 10  # Neighbours looked at, as many as the service shows
BLOCK_QUERIES = 256  # Queries compared with the gallery at once: 20 MB for 20,000 faces


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The nearest gallery faces of each query."""

    positions: NDArray[np.int64]  # (Q, TOP), in the gallery, nearest first
    distances: NDArray[np.float32]  # (Q, TOP), angular, sqrt(2 (1 - cosine))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the neighbours are worth."""

    age_gap_years: float  # mean |age of neighbour - age of query|
    mae_years: float  # of the neighbours' mean age, weighted by nearness as the service does
    gender: float  # share of neighbours of the query's gender, of queries that have one; NaN where none has
    group: float  # the same of the group
    warning: float  # correlation of the spread of the neighbours' ages with the estimate's absolute error

    def as_dict(self) -> dict[str, float | None]:
        """Return plain values for JSON, which knows no NaN."""
        return {k: round(v, 4) if np.isfinite(v) else None for k, v in asdict(self).items()}


def nearest(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    query_groups: NDArray[np.int64],
    gallery_groups: NDArray[np.int64],
    count: int = TOP,
) -> Found:
    """Search exactly, by blocks of products, leaving out what belongs to the query's own group.

    Queries (Q, D) and gallery (G, D), G >= count + the largest group, are of unit length; near-duplicates and
    photos of one person share a group's number.
    """
    positions = np.empty((len(queries), count), np.int64)
    distances = np.empty((len(queries), count), np.float32)
    for start in range(0, len(queries), BLOCK_QUERIES):
        block = slice(start, start + BLOCK_QUERIES)
        cosines = queries[block] @ gallery.T
        cosines[query_groups[block, None] == gallery_groups[None]] = -2.0
        best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        order = np.take_along_axis(cosines, best, axis=1).argsort(axis=1)[:, ::-1]
        best = np.take_along_axis(best, order, axis=1)
        positions[block] = best
        distances[block] = np.sqrt(np.maximum(2 - 2 * np.take_along_axis(cosines, best, axis=1), 0))
    return Found(positions, distances)


def judged(
    found: Found, of_queries: Traits, of_gallery: Traits, errors_years: NDArray[np.float64]
) -> Figures:
    """Return the figures of neighbours found for Q queries; errors (Q,) are estimate minus label."""
    ages = of_gallery.ages_years[found.positions].astype(np.float64)
    labels = of_queries.ages_years.astype(np.float64)
    weights = 1 / np.maximum(found.distances, LEAST_DISTANCE)
    mean = (ages * weights).sum(axis=1) / weights.sum(axis=1)
    return Figures(
        float(np.abs(ages - labels[:, None]).mean()),
        float(np.abs(mean - labels).mean()),
        _agreement(of_queries.genders, of_gallery.genders[found.positions]),
        _agreement(of_queries.groups, of_gallery.groups[found.positions]),
        _correlation(ages.std(axis=1), np.abs(errors_years)),
    )


def _agreement(wanted: NDArray[np.str_], met: NDArray[np.str_]) -> float:
    counts = (wanted[:, None] != "") & (met != "")
    return float((met == wanted[:, None])[counts].mean()) if counts.any() else float("nan")


def _correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Source: Pearson; NaN where either does not vary."""
    if min(left.std(), right.std()) == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


SERVED = "as served"  # Transform of the row that measures a bundle's own embedding


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What faces should be like for their embeddings to be near; of training faces only."""

    ages_years: NDArray[np.float32]  # (N,)
    genders: NDArray[np.str_]  # N names, "" where not given
    groups: NDArray[np.str_]  # N names, "" where not given
