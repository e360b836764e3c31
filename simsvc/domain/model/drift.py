"""Drift between two periods in ages, outcomes and embeddings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simsvc.values import FloatVector

BINS = 10
"""Deciles of the reference. Source: Siddiqi, Credit Risk Scorecards, 2006."""
LEAST = 20
"""Minimum number of values in a period: two per bin."""
NORMAL_95 = 1.6448536
"""95th percentile of the standard normal distribution."""
PERMUTATIONS = 199
"""The smallest p-value is 1 / 200."""
SEED = 20_170_112


@dataclass(frozen=True, slots=True)
class Share:
    """Shares of an outcome, or of a bin in years, in both periods, 0..1."""

    name: str
    reference: float
    current: float


@dataclass(frozen=True, slots=True)
class Stability:
    """Population stability index of two periods.

    Attributes:
        psi: sum of (current - reference) ln(current / reference) over the bins.
        critical: value exceeded in 5 of 100 cases without any change.
    """

    psi: float
    critical: float
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Distance:
    """Squared energy distance of two sets, and how often equal distributions are at least as far apart."""

    energy: float
    p_value: float


def age_stability(reference: Sequence[float], current: Sequence[float]) -> Stability | None:
    """Compare ages in years by deciles of the reference, or return None with too few values."""
    if min(len(reference), len(current)) < LEAST:
        return None
    edges = np.unique(np.quantile(np.asarray(reference), np.linspace(0, 1, BINS + 1)[1:-1]))
    names = _bin_names([round(float(edge), 1) for edge in edges])
    counts = [
        np.bincount(np.searchsorted(edges, ages, side="right"), minlength=len(names))
        for ages in (reference, current)
    ]
    return _stability(names, counts[0], counts[1])


def outcome_stability(reference: Sequence[str], current: Sequence[str]) -> Stability | None:
    """Compare outcomes, or return None with too few values."""
    if min(len(reference), len(current)) < LEAST:
        return None
    names = sorted({*reference, *current})
    first, second = Counter(reference), Counter(current)
    return _stability(
        names, np.array([first[name] for name in names]), np.array([second[name] for name in names])
    )


def energy_distance(reference: FloatVector, current: FloatVector) -> Distance | None:
    """Compare embeddings (N, D) and (M, D), or return None with too few.

    Source: Szekely and Rizzo, "Energy statistics: A class of statistics based on distances", Journal of
    Statistical Planning and Inference 143, 2013. The p-value is of a permutation test, as in Phipson and
    Smyth, "Permutation p-values should never be zero", 2010.
    """
    if min(len(reference), len(current)) < LEAST:
        return None
    rows = np.concatenate([reference, current]).astype(np.float64)
    squares = (rows**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2.0 * rows @ rows.T, 0.0))
    in_reference = np.arange(len(rows)) < len(reference)
    measured = _energy(distances, in_reference)
    random = np.random.default_rng(SEED)
    as_far = sum(
        _energy(distances, random.permutation(in_reference)) >= measured for _ in range(PERMUTATIONS)
    )
    return Distance(measured, (1 + as_far) / (1 + PERMUTATIONS))


def _energy(distances: NDArray[np.float64], in_reference: NDArray[np.bool_]) -> float:
    first, second = in_reference / in_reference.sum(), ~in_reference / (~in_reference).sum()
    between = first @ distances @ second
    return float(2.0 * between - first @ distances @ first - second @ distances @ second)


def _stability(names: Sequence[str], reference: NDArray[np.int64], current: NDArray[np.int64]) -> Stability:
    """Return the stability index, with 0.5 added to each count so that empty bins have a logarithm.

    Source: Yurdakul and Naranjo, "Statistical properties of the population stability index", Journal of Risk
    Model Validation 14(4), 2020: without change it is distributed as (1/n + 1/m) times chi-squared.
    """
    first, second = (_shares(counts) for counts in (reference, current))
    psi = float(((second - first) * np.log(second / first)).sum())
    scale = 1.0 / reference.sum() + 1.0 / current.sum()
    shown = tuple(
        Share(name, float(a), float(b))
        for name, a, b in zip(names, reference / reference.sum(), current / current.sum(), strict=True)
    )
    return Stability(psi, scale * _chi_squared_95(len(names) - 1), shown)


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return shares


def _chi_squared_95(degrees: int) -> float:
    """Return the 95th percentile, within 0.1 of the true one. Source: Wilson and Hilferty, PNAS 17, 1931."""
    if degrees < 1:
        return 0.0
    part = 2.0 / (9.0 * degrees)
    return degrees * (1.0 - part + NORMAL_95 * math.sqrt(part)) ** 3


def _bin_names(edges: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *between, f"{edges[-1]:g} and more"]
