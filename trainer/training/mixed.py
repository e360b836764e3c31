"""Training data of many sources: windows, faces without ages, mixtures of teachers, shares of sources."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.errors import SettingsError
from trainer.datasets.corpus import Corpus
from trainer.datasets.formats.unlabelled import KIND
from trainer.models.age_model import AGE_BINS
from trainer.training import distillation
from trainer.training.ensembles import mixture
from trainer.training.loader import TrainingData
from trainer.training.recipes import recipe
from trainer.training.recipes.recipe import Recipe

VALID_FACES = 300
"""Faces of each source that choose the best epoch, at most: else UTKFace, the largest, would choose alone."""


def mixed(data: TrainingData, corpus: Corpus, recipe_: Recipe, runs: Path) -> TrainingData:
    """Return the training data of labelled faces extended by all that a recipe with `mix` draws from.

    Raises:
        SettingsError: the recipe's mix names a source that is not there.
        BundleMissing, BundleDamaged: see `trainer.training.distillation.estimates`.
    """
    rows = corpus.data.rows
    packs = [corpus.pack] + ([corpus.unlabelled] if corpus.unlabelled else [])
    sources = np.array([row.source for pack in packs for row in pack.rows])
    names = [f"{row.source}/{row.reference} {row.path.stat().st_size}" for pack in packs for row in pack.rows]
    squares, extra = data.squares, np.arange(len(rows), len(sources))
    if corpus.unlabelled:
        squares = np.concatenate([squares, corpus.unlabelled.crops])
        extra = extra[corpus.unlabelled.readable]
    train = np.concatenate([data.train, extra])
    unlabelled = (0, len(sources) - len(rows))
    windows = np.pad(np.array([row.window_years for row in rows], np.float32), (unlabelled, (0, 0)))
    ages = np.pad(data.ages_years, unlabelled)
    faces = _Faces(squares, ages, sources, names)
    return replace(
        data,
        squares=squares,
        ages_years=ages,
        train=train,
        valid=few(data.valid, sources, recipe_.seed),
        weights=None,
        traits=None if data.traits is None else np.pad(data.traits, (unlabelled, (0, 0))),
        taught=_taught(faces, train, data.valid, recipe_, runs) if recipe_.mixture else None,
        windows_years=windows,
        draws=draws(sources[train], recipe.parse_mix(recipe_.mix)),
    )


def draws(sources: NDArray[np.str_], shares: dict[str, float]) -> NDArray[np.float64]:
    """Return float64 (N,), summing to one: how likely each face is drawn; sources of a kind share evenly.

    Raises:
        SettingsError: a kind has no face.
    """
    likely = np.zeros(len(sources))
    names = sorted(set(sources.tolist()))
    for kind, share in shares.items():
        mine = [name for name in names if name.partition(":")[0] == kind]
        if not mine:
            raise SettingsError(f"mix draws from {kind}, but there is no such source; name it with --source.")
        for name in mine:
            here = sources == name
            likely[here] = share / len(mine) / np.count_nonzero(here)
    total: NDArray[np.float64] = likely / likely.sum()
    return total


def few(
    positions: NDArray[np.int64], sources: NDArray[np.str_], seed: int, most: int = VALID_FACES
) -> NDArray[np.int64]:
    """Return at most so many of the positions of each source, in order."""
    random, theirs = np.random.default_rng(seed), sources[positions]
    kept = [random.permutation(positions[theirs == name])[:most] for name in np.unique(theirs)]
    return np.sort(np.concatenate(kept))


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    squares: NDArray[np.uint8]
    ages_years: NDArray[np.float32]
    sources: NDArray[np.str_]
    names: list[str]


def _taught(
    faces: _Faces, train: NDArray[np.int64], valid: NDArray[np.int64], recipe_: Recipe, runs: Path
) -> NDArray[np.float32]:
    """Return float32 (N, AGE_BINS): the mixture's word, whole where there is no label, else its share.

    It is measured on the validation faces, and on the training faces of sources other than UTKFace, since
    a run among the teachers was taught with those of UTKFace.
    """
    ages_years, sources = faces.ages_years, faces.sources
    known = np.array([not name.startswith(KIND) for name in sources.tolist()])
    told = np.sort(np.concatenate([train, valid]))
    estimates = np.zeros((len(recipe_.mixed), len(sources)))
    for number, name in enumerate(recipe_.mixed):
        estimates[number, told] = distillation.estimates(name, runs, faces.squares, told, faces.names)
    judged = np.concatenate([valid, train[known[train] & (sources[train] != "utkface")]])
    found = mixture.measure(estimates[:, judged], ages_years[judged].astype(np.float64), sources[judged])
    print(report(found, recipe_.mixed))
    taught = np.zeros((len(sources), AGE_BINS), np.float32)
    taught[told] = found.distributions(estimates[:, told])
    taught[known] *= recipe_.distil
    return taught


def report(found: mixture.Mixture, names: tuple[str, ...]) -> str:
    """Return a table: each teacher's bias and weight at every knot."""
    lines = [f"{'around':>8}" + "".join(f"{name:>24}" for name in names) + f"{'errs by':>9}"]
    for at, age in enumerate(mixture.KNOTS_YEARS):
        measured = zip(found.bias_years[:, at], found.weights[:, at], strict=True)
        cells = [f"{bias:+14.1f} years {weight:4.0%}" for bias, weight in measured]
        lines.append(f"{age:8.0f}" + "".join(cells) + f"{found.sigma_years[at]:9.1f}")
    return "\n".join(lines)
