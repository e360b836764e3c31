"""How unequal a model's errors are between groups of people, plainly and with the groups' ages made alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.measures.metrics import Figure, decade, figure, resampled

LEAST_FACES = 100
"""Faces of a part that is compared. The absolute value of a normal error varies by 76% of its mean
(sqrt(pi / 2 - 1)), so the MAE of 100 faces has a standard error of 8%; with fewer, chance looks unequal."""
LEAST_CELL_FACES = 5
"""Faces of every compared part in a decade that is standardised over. A choice: with fewer, a single face
decides more than a fifth of the decade's figure. The decades left out are named with the result."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ComparedPart:
    """One part and its errors."""

    part: str  # such as "group asian"
    faces: int
    mae: Figure  # mean absolute error, years
    standardised_mae: Figure | None  # were its ages spread as all faces' are; None where no decade is shared


@dataclass(frozen=True, slots=True)
class Comparison:
    """Parts of one kind, compared.

    `gap_of_ages` is what `gap` would be of a model whose error in every decade is the same for all parts: how
    much of it the parts' ages alone make.
    """

    parts: tuple[ComparedPart, ...]  # of at least `LEAST_FACES` faces, by name
    gap: Figure | None  # largest over least MAE; None with fewer than two parts or a part without any error
    standardised_gap: Figure | None  # the same of the standardised MAE
    gap_of_ages: float | None  # None as `gap`
    decades: tuple[str, ...]  # those that are standardised over: every part has `LEAST_CELL_FACES` faces in
    decades_left_out: tuple[str, ...]  # the others that have faces
    parts_left_out: tuple[str, ...]  # of too few faces

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)


def compare(
    errors_years: Floats, labels_years: Floats, parts: Sequence[str | None], seed: int = 0
) -> Comparison:
    """Compare the parts of one kind; a seed repeats the intervals.

    Direct standardisation: each part's MAE by decade, weighted by the decades of all faces with a part, over
    the decades in which every compared part has faces. Source: Rothman, Greenland and Lash, "Modern
    Epidemiology", 3rd edition, 2008, chapter 3, standardised measures. The weights are a fixed standard, so
    only the faces inside a part (and decade) are resampled. A ratio of the largest to the least is at least 1
    and grows with chance: the interval of a small gap may lie above the gap itself.
    Errors (N,) are estimate minus label; `parts` has the part each of the N faces belongs to, or None.
    """
    names = np.array(["" if part is None else part for part in parts])
    decades = np.array([decade(age) for age in labels_years])
    known = sorted(set(names.tolist()) - {""})
    compared = [name for name in known if int((names == name).sum()) >= LEAST_FACES]
    met = sorted(set(decades[names != ""].tolist()))
    shared = _shared(names, decades, compared, met)
    weights = [int(((decades == name) & (names != "")).sum()) for name in shared]
    random, absolute = np.random.default_rng(seed), np.abs(errors_years)
    plain = [resampled(np.mean, absolute[names == name], random=random) for name in compared]
    cells = [[absolute[(names == name) & (decades == d)] for d in shared] for name in compared]
    alike = [_standardised(of_part, weights, random) for of_part in cells] if shared else []
    return Comparison(
        _parts(compared, names, plain, alike),
        _gap(plain),
        _gap(alike),
        _gap_of_ages(absolute, names, decades, compared),
        tuple(shared),
        tuple(name for name in met if name not in shared),
        tuple(name for name in known if name not in compared),
    )


def _parts(
    compared: Sequence[str], names: NDArray[np.str_], plain: Sequence[Floats], alike: Sequence[Floats]
) -> tuple[ComparedPart, ...]:
    counts = [int((names == name).sum()) for name in compared]
    levels: list[Figure | None] = [figure(values) for values in alike]
    levels = levels or [None] * len(compared)
    rows = zip(compared, counts, plain, levels, strict=True)
    return tuple(ComparedPart(name, count, figure(mae), level) for name, count, mae, level in rows)


def _shared(
    names: NDArray[np.str_], decades: NDArray[np.str_], compared: Sequence[str], met: Sequence[str]
) -> list[str]:
    if not compared:
        return []
    cells = {d: min(int(((names == name) & (decades == d)).sum()) for name in compared) for d in met}
    return [name for name, least in cells.items() if least >= LEAST_CELL_FACES]


def _standardised(cells: Sequence[Floats], weights: Sequence[int], random: np.random.Generator) -> Floats:
    """Return float64 (1 + RESAMPLES,): the weighted mean of the cells' means, each resampled by itself."""
    means = np.array([resampled(np.mean, absolute_years, random=random) for absolute_years in cells])
    return np.average(means, axis=0, weights=weights)


def _gap(means: Sequence[Floats]) -> Figure | None:
    """Return the largest over the least of the parts' means, of the faces and of every resample."""
    stacked = np.array(means)
    if len(stacked) < 2 or stacked.min() == 0:
        return None
    return figure(stacked.max(axis=0) / stacked.min(axis=0))


def _gap_of_ages(
    absolute_years: Floats, names: NDArray[np.str_], decades: NDArray[np.str_], compared: Sequence[str]
) -> float | None:
    """Return the largest over the least mean of what each part's decades make of the errors of all parts.

    Source: indirect standardisation, Rothman, Greenland and Lash, as above: the expected figure of a part.
    """
    known = names != ""
    _, cells = np.unique(decades, return_inverse=True)
    faces = np.bincount(cells[known], minlength=cells.max() + 1)
    usual = np.bincount(cells[known], absolute_years[known], cells.max() + 1) / np.maximum(faces, 1)
    expected = [float(usual[cells[names == name]].mean()) for name in compared]
    if len(expected) < 2 or min(expected) == 0:
        return None
    return max(expected) / min(expected)


def as_text(comparison: Comparison, kind: str) -> str:
    """Return the comparison in a few lines for people, or one that says why there is none."""
    if comparison.gap is None:
        return f"{kind}: no two parts of {LEAST_FACES} faces or more to compare"
    lines = [f"{kind}: largest MAE over least {_ranged(comparison.gap)}"]
    if comparison.standardised_gap is not None:
        lines[0] += f"; with ages made alike {_ranged(comparison.standardised_gap)}"
    if comparison.gap_of_ages is not None:
        lines[0] += f"; {comparison.gap_of_ages:.2f} by the ages of the {kind} alone"
    if comparison.standardised_gap is not None:
        lines += [
            f"  {part.part:16} MAE {part.mae.value:.2f}, ages made alike {_ranged(part.standardised_mae)}"
            for part in comparison.parts
            if part.standardised_mae is not None
        ]
    if comparison.decades_left_out:
        left_out = ", ".join(comparison.decades_left_out)
        lines.append(f"  not in the ages made alike (too few faces): {left_out}")
    return "\n".join(lines)


def _ranged(value: Figure) -> str:
    return f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
