"""Error figures of age estimates, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

RESAMPLES = 1000
"""Bootstrap resamples. Source: Efron and Tibshirani, 1993, chapter 13: 1000 for percentile intervals."""
_BATCH = 50  # Resamples at a time: less memory than all of them at once
LEVEL = 0.95
OLD_YEARS = 80
CLOSE_YEARS = 5.0  # CS@5: share of estimates at most 5 years off, as the age literature reports it


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its percentile bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Error figures of one part of a data set."""

    part: str  # such as "all", "age 20-29", "group asian"
    faces: int
    mae: Figure  # mean absolute error, years
    rmse: Figure  # root of the mean squared error, years
    cs5: Figure  # share at most 5 years off, 0..1
    bias: Figure  # mean of estimate minus label, years
    coverage: Figure | None = None  # share of labels inside the calibrated interval, 0..1

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON, coverage only where it was measured."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def error_table(
    part: str, errors_years: NDArray[np.float64], seed: int = 0, inside: NDArray[np.bool_] | None = None
) -> ErrorTable:
    """Return the figures of one part; a seed repeats the intervals.

    Errors (N,), N >= 1, are estimate minus label; `inside` says which labels are in their intervals.
    """
    covered = np.zeros(len(errors_years), np.bool_) if inside is None else inside
    rows = resampled(_figures, errors_years, covered, random=np.random.default_rng(seed))
    mae, rmse, cs5, bias, coverage = (figure(row) for row in rows)
    return ErrorTable(part, len(errors_years), mae, rmse, cs5, bias, None if inside is None else coverage)


def _figures(
    errors_years: NDArray[np.float64], inside: NDArray[np.bool_], axis: int = -1
) -> NDArray[np.float64]:
    """Return MAE, RMSE, CS@5, bias and coverage of samples along an axis."""
    absolute = np.abs(errors_years)
    rmse, close = np.sqrt((errors_years**2).mean(axis)), (absolute <= CLOSE_YEARS).mean(axis)
    return np.stack([absolute.mean(axis), rmse, close, errors_years.mean(axis), inside.mean(axis)])


def resampled(
    statistic: Callable[..., Any], *samples: NDArray[Any], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return a statistic of paired samples (N,), N >= 1, then of each resample, along the last axis.

    The statistic takes `axis`, as `np.median` does; elements of all samples are drawn together.
    """
    value = np.asarray(statistic(*samples, axis=-1))[..., None]
    if len(samples[0]) == 1:  # of which scipy makes no resamples
        return np.repeat(value, 1 + RESAMPLES, axis=-1)
    drawn = bootstrap(
        samples, statistic, paired=True, n_resamples=RESAMPLES, batch=_BATCH, method="percentile", rng=random
    )
    return np.concatenate([value, drawn.bootstrap_distribution], axis=-1)


def figure(values: NDArray[np.float64]) -> Figure:
    """Take the first value as the figure and the others as resamples, whose percentiles are its interval."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(round(float(values[0]), 4), round(float(low), 4), round(float(high), 4))


def bootstrapped(
    values: NDArray[np.float64], statistic: Callable[..., NDArray[np.float64]] = np.mean, seed: int = 0
) -> Figure:
    """Return a statistic (one that takes `axis`, such as `np.median`) of values (N,), N >= 1."""
    return figure(resampled(statistic, values, random=np.random.default_rng(seed)))


def bracketed(figure: Mapping[str, float] | None, style: str) -> str:
    """Write a figure, as JSON has it, and its interval as "4.92 [4.70, 5.16]"; "-" where there is none."""
    if figure is None:
        return "-"
    return "{} [{}, {}]".format(*(format(figure[name], style) for name in ("value", "low", "high")))


def decade(age_years: float) -> str:
    """Return "age 20-29" for 23; everything from 90 up is "age 90+"."""
    start = min(90, int(age_years // 10) * 10)
    return "age 90+" if start == 90 else f"age {start}-{start + 9}"


def old(age_years: float) -> str | None:
    """Return "age 80+" for 83, None for younger: labels are few and worst there, so it is a separate part."""
    return "age 80+" if age_years >= OLD_YEARS else None


def breakdown(
    errors_years: NDArray[np.float64],
    parts: Sequence[Sequence[str | None]],
    seed: int = 0,
    inside: NDArray[np.bool_] | None = None,
) -> list[ErrorTable]:
    """Return the table of all faces, then one a part, parts in order of their names within each kind.

    `parts` has, for each kind (decade, group, gender), the part each of the N faces belongs to, or None.
    """
    tables = [error_table("all", errors_years, seed, inside)]
    for kind in parts:
        names = np.array(["" if name is None else name for name in kind])
        for name in sorted(set(names.tolist()) - {""}):
            mine = names == name
            covered = None if inside is None else inside[mine]
            tables.append(error_table(name, errors_years[mine], seed, covered))
    return tables


def as_text(tables: Sequence[ErrorTable]) -> str:
    """Return an aligned table for people, intervals in brackets."""
    header = f"{'':14}{'faces':>7}{'MAE':>22}{'RMSE':>9}{'CS@5':>9}{'bias':>24}"
    lines = [header + f"{'in the interval':>25}" if tables and tables[0].coverage else header]
    for table in tables:
        mae, bias = bracketed(asdict(table.mae), ".2f"), bracketed(asdict(table.bias), "+.2f")
        lines.append(
            f"{table.part:14}{table.faces:>7}{mae:>22}{table.rmse.value:>9.2f}{table.cs5.value:>9.1%}{bias:>24}"
            + (f"{bracketed(asdict(table.coverage), '.1%'):>24}" if table.coverage else "")
        )
    return "\n".join(lines)
