"""Which faces a run learns from, and how much each one counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.labels import GENDERS, GROUPS
from simsvc.errors import SettingsError
from trainer.datasets import splits
from trainer.datasets.formats.rows import Row
from trainer.datasets.near_duplicates import DuplicatePairs

LEAST_COUNT = 5
"""Rarer ages count as if there were so many faces of them. Source: Yang et al., "Delving into Deep Imbalanced
Regression", ICML 2021, whose released code clips inverse frequencies so."""
_OLDEST_DECADE = 9


def cleaned(
    positions: NDArray[np.int64], ages_years: NDArray[np.float32], pairs: DuplicatePairs, most_years: float
) -> NDArray[np.int64]:
    """Return the positions without those whose near-duplicates contradict them.

    Of two near-duplicates whose labels are more than `most_years` apart neither can be trusted, and both go;
    of three and more, those go that lie more than `most_years` from the median of all of them. `positions`
    are ascending; a `most_years` of 0 keeps everything.
    """
    if not most_years:
        return positions
    wrong: set[int] = set()
    for copies in _copies(pairs):
        ages = ages_years[copies]
        off = np.full(2, np.ptp(ages)) if len(copies) == 2 else np.abs(ages - np.median(ages))
        wrong.update(np.array(copies)[off > most_years].tolist())
    return positions[~np.isin(positions, sorted(wrong))]


def _copies(pairs: DuplicatePairs) -> Iterable[list[int]]:
    """Return the connected parts of the graph of pairs, each as its positions."""
    parts: dict[int, list[int]] = {}
    for left, right in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        one, other = parts.setdefault(left, [left]), parts.setdefault(right, [right])
        if one is not other:
            one.extend(other)
            parts.update(dict.fromkeys(other, one))
    return {id(part): part for part in parts.values()}.values()


def share(positions: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.int64]:
    """Return a random share of the positions, in their order; a seed always gives the same ones."""
    if fraction == 1:
        return positions
    count = max(1, round(fraction * len(positions)))
    return np.sort(np.random.default_rng(seed).permutation(positions)[:count])


def in_fold(groups: NDArray[np.int64], rows: Sequence[Row], part: int, parts: int) -> NDArray[np.bool_]:
    """Return bool (N,): which faces lie in the part-th of `parts` folds; a group is never parted.

    `groups`, int64 (N,), has the position of the leader of each face's group, whose hash says which fold, so
    that it is the same on every machine. `part` is 1 to `parts`.
    """
    numbers = np.array([int.from_bytes(digest[:8], "big") % parts for digest in splits.digests(rows)])
    inside: NDArray[np.bool_] = numbers[groups] == part - 1
    return inside


def one_hots(genders: Sequence[str | None], groups: Sequence[str | None]) -> NDArray[np.float32]:
    """Return float32 (N, 7): which gender, then which group each face is of; zeros where not given."""
    kinds = (genders, GENDERS), (groups, GROUPS)
    hots = [np.array([name or "" for name in names])[:, None] == np.array(known) for names, known in kinds]
    return np.concatenate(hots, axis=1).astype(np.float32)


def loss_weights(
    positions: NDArray[np.int64], ages_years: NDArray[np.float32], groups: Sequence[str | None], balance: str
) -> NDArray[np.float32] | None:
    """Return float32 (N,): weights of all faces with a mean of 1 over `positions`, or None for "none".

    A face weighs 1 / sqrt(n), n the faces among `positions` of its whole year of age ("age"), or of its
    decade and group ("age_group"; faces without a group form a separate group).
    Source: the square-root-inverse weights of Yang et al., ICML 2021, section 4 ("SQINV").

    Raises:
        SettingsError: "age_group" where no face has a group.
    """
    if balance == "none":
        return None
    cells = np.floor(ages_years).astype(np.int64)
    if balance == "age_group":
        names = sorted({name for name in groups if name})
        if not names:
            raise SettingsError('balance = "age_group" needs data with a group column; use balance = "age".')
        codes = np.array([names.index(name) if name else len(names) for name in groups])
        cells = np.minimum(cells // 10, _OLDEST_DECADE) * (len(names) + 1) + codes
    counts = np.bincount(cells[positions], minlength=int(cells.max()) + 1)
    weights = 1 / np.sqrt(np.maximum(counts[cells], LEAST_COUNT))
    relative: NDArray[np.float32] = (weights / weights[positions].mean()).astype(np.float32)
    return relative
