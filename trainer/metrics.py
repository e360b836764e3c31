"""Error figures of age estimates, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
"""Bootstrap resamples. Source: Efron and Tibshirani, 1993, chapter 13: 1000 for percentile intervals."""
LEVEL = 0.95
CLOSE_YEARS = 5.0
"""CS@5: share of estimates at most 5 years off, as the age literature reports it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its percentile bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Error figures of one part of a data set.

    Attributes:
        part: such as "all", "age 20-29", "group asian".
        faces: how many.
        mae: mean absolute error, years.
        rmse: root of the mean squared error, years.
        cs5: share at most 5 years off, 0..1.
        bias: mean of estimate minus label, years.
    """

    part: str
    faces: int
    mae: Figure
    rmse: Figure
    cs5: Figure
    bias: Figure

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)


def error_table(part: str, errors_years: NDArray[np.float64], seed: int = 0) -> ErrorTable:
    """Return the figures of errors (N,) = estimate minus label, N >= 1; a seed repeats the intervals."""
    random, count = np.random.default_rng(seed), len(errors_years)
    resampled = (errors_years[random.integers(0, count, count)] for _ in range(RESAMPLES))  # one at a time
    mae, rmse, cs5, bias = np.array([_figures(errors_years), *map(_figures, resampled)]).T
    return ErrorTable(part, count, _figure(mae), _figure(rmse), _figure(cs5), _figure(bias))


def _figures(errors_years: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return MAE, RMSE, CS@5 and bias of one sample."""
    absolute = np.abs(errors_years)
    rmse = float(np.sqrt((errors_years**2).mean()))
    return float(absolute.mean()), rmse, float((absolute <= CLOSE_YEARS).mean()), float(errors_years.mean())


def _figure(values: NDArray[np.float64]) -> Figure:
    """Take the first value as the figure and the others as its resamples."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(round(float(values[0]), 4), round(float(low), 4), round(float(high), 4))


def bootstrapped(
    values: NDArray[np.float64], statistic: Callable[..., NDArray[np.float64]] = np.mean, seed: int = 0
) -> Figure:
    """Return a statistic (one that takes `axis`, such as `np.median`) of values (N,), N >= 1."""
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    return _figure(np.array([statistic(values), *statistic(values[drawn], axis=1)]))


def bracketed(figure: Mapping[str, float] | None, style: str) -> str:
    """Write a figure, as JSON has it, and its interval as "4.92 [4.70, 5.16]"; "-" where there is none."""
    if figure is None:
        return "-"
    return "{} [{}, {}]".format(*(format(figure[name], style) for name in ("value", "low", "high")))


def decade(age_years: float) -> str:
    """Return "age 20-29" for 23; everything from 90 up is "age 90+"."""
    start = min(90, int(age_years // 10) * 10)
    return "age 90+" if start == 90 else f"age {start}-{start + 9}"


def breakdown(
    errors_years: NDArray[np.float64], parts: Sequence[Sequence[str | None]], seed: int = 0
) -> list[ErrorTable]:
    """Return the table of all faces, then one a part, parts in order of their names within each kind.

    Args:
        errors_years: (N,).
        parts: for each kind (decade, group, gender) the part each of the N faces belongs to, or None.
        seed: of the bootstrap.
    """
    tables = [error_table("all", errors_years, seed)]
    for kind in parts:
        names = np.array(["" if name is None else name for name in kind])
        tables += [error_table(n, errors_years[names == n], seed) for n in sorted(set(names.tolist()) - {""})]
    return tables


def as_text(tables: Sequence[ErrorTable]) -> str:
    """Return an aligned table for people, intervals in brackets."""
    lines = [f"{'':14}{'faces':>7}{'MAE':>22}{'RMSE':>9}{'CS@5':>9}{'bias':>22}"]
    for table in tables:
        mae = f"{table.mae.value:.2f} [{table.mae.low:.2f}, {table.mae.high:.2f}]"
        bias = f"{table.bias.value:+.2f} [{table.bias.low:+.2f}, {table.bias.high:+.2f}]"
        lines.append(
            f"{table.part:14}{table.faces:>7}{mae:>22}{table.rmse.value:>9.2f}{table.cs5.value:>9.1%}{bias:>22}"
        )
    return "\n".join(lines)
