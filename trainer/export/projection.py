"""Activations to embeddings: linear maps, found on training faces, after which nearness is likeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.errors import SettingsError
from trainer.evaluation.neighbours import Traits

METHODS = ("none", "centred", "pca", "white", "lda", "ridge")
MOST_DIMS = 256  # Longest embedding of the service
SHRINKAGE = 0.01
"""Share of the mean variance in covariances that are inverted; of 0.01 and 0.1 validation chose it."""
AGE_STEP_YEARS = 5
LEAST_CELL_FACES = 5
"""Smaller cells of (five years, gender, group) do not count for "lda": their means are mostly noise."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A linear map from a layer's activations to the embedding, before it is brought to unit length."""

    mean: NDArray[np.float32]  # (F,), subtracted first
    matrix: NDArray[np.float32]  # (F, D)

    def apply(self, activations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return embeddings (N, D) of unit length."""
        projected = (activations - self.mean) @ self.matrix
        length = np.linalg.norm(projected, axis=1, keepdims=True)
        unit: NDArray[np.float32] = projected / np.maximum(length, np.float32(1e-12))
        return unit


def principal(activations: NDArray[np.float32], dims: int) -> Projection:
    """Return the first principal components of activations (N, F) as a projection to `dims` <= F.

    Source: Pearson 1901, by singular values. Signs are fixed (largest entry positive), so that the same
    activations always give the same matrix.
    """
    mean = activations.mean(axis=0)
    _, _, rows = np.linalg.svd(activations - mean, full_matrices=False)
    return Projection(mean, _signed(rows[:dims].T))


def find(
    method: str, dims: int, activations: NDArray[np.float32], traits: Traits, layer_sizes: Sequence[int] = ()
) -> Projection:
    """Return the projection that a method finds on training faces.

    Methods are "none" (as they are), "centred", "pca", "white" (principal components of equal variance),
    "lda" (discriminants of cells of age, gender and group, within-cell variance made equal) and "ridge" (what
    ridge regression says of age in steps, gender and group). `dims` is D at most; "none" and "centred" keep F
    whatever it is, and "ridge" needs one for each answer. Activations are (N, F); `layer_sizes` says how F is
    made up of layers, each of which is first brought to the same total variance.

    Raises:
        SettingsError: no method of that name, or faces without what it needs.
    """
    if method not in METHODS:
        raise SettingsError(f"There is no transform {method!r}; choose one of {', '.join(METHODS)}.")
    scale = _layer_scale(activations, layer_sizes or (activations.shape[1],))
    found = _found(method, activations * scale, dims, traits)
    return Projection(found.mean / scale, np.ascontiguousarray(found.matrix * scale[:, None]))


def _found(method: str, x: NDArray[np.float32], dims: int, traits: Traits) -> Projection:
    features = x.shape[1]
    if method in ("none", "centred"):
        mean = x.mean(axis=0) if method == "centred" else np.zeros(features, np.float32)
        return Projection(mean, np.eye(features, dtype=np.float32))
    if method == "pca":
        return principal(x, dims)
    if method == "white":
        return _white(x, dims)
    return _discriminants(x, dims, traits) if method == "lda" else _ridge(x, dims, traits)


def _layer_scale(x: NDArray[np.float32], sizes: Sequence[int]) -> NDArray[np.float32]:
    """Return float32 (F,): 1 / sqrt(total variance) of the layer that each feature belongs to."""
    if len(sizes) == 1:
        return np.ones(x.shape[1], np.float32)
    totals = [part.sum() for part in np.split(x.var(axis=0, dtype=np.float64), np.cumsum(sizes)[:-1])]
    return np.repeat(1 / np.sqrt(np.maximum(totals, 1e-12)), sizes).astype(np.float32)


def _signed(matrix: NDArray[np.generic]) -> NDArray[np.float32]:
    wide = np.asarray(matrix, dtype=np.float32)
    signs = np.sign(wide[np.abs(wide).argmax(axis=0), np.arange(wide.shape[1])])
    return np.ascontiguousarray(wide * np.where(signs == 0, 1, signs), dtype=np.float32)


def _white(x: NDArray[np.float32], dims: int) -> Projection:
    """Source: Kessy, Lewin and Strimmer, "Optimal Whitening and Decorrelation", 2018 (PCA whitening)."""
    found = principal(x, dims)
    deviation = ((x - found.mean) @ found.matrix).std(axis=0, dtype=np.float64)
    least = 1e-3 * deviation[0]
    return Projection(found.mean, (found.matrix / np.maximum(deviation, least)).astype(np.float32))


def _shrunk(covariance: Floats) -> Floats:
    """Source: Ledoit and Wolf 2004, towards a multiple of the identity, with a fixed share."""
    share = SHRINKAGE * np.trace(covariance) / len(covariance)
    shrunk: Floats = (1 - SHRINKAGE) * covariance + share * np.eye(len(covariance))
    return shrunk


def _discriminants(x: NDArray[np.float32], dims: int, traits: Traits) -> Projection:
    """Return linear discriminants, each weighed by the share of its variance between cells.

    Source: Fisher 1936, Rao 1948; the weights e / (1 + e) under a square root are those by which
    probabilistic LDA shrinks towards the mean (Ioffe, ECCV 2006, equation 5, for one photo a class).
    """
    wide, cells = x.astype(np.float64), _cells(traits)
    mean = wide[cells >= 0].mean(axis=0)
    within, means, counts = np.zeros((x.shape[1], x.shape[1])), [], []
    for cell in np.unique(cells[cells >= 0]):
        members = wide[cells == cell]
        means.append(members.mean(axis=0) - mean)
        counts.append(len(members))
        centred = members - members.mean(axis=0)
        within += centred.T @ centred
    values, vectors = np.linalg.eigh(_shrunk(within / sum(counts)))
    whitening = vectors / np.sqrt(values)
    between = np.array(means) @ whitening
    found, directions = np.linalg.eigh((between.T * np.array(counts)) @ between / sum(counts))
    kept = np.arange(len(found))[::-1][: min(dims, len(counts) - 1)]
    share = np.maximum(found[kept], 0)
    matrix = whitening @ directions[:, kept] * np.sqrt(share / (1 + share))
    return Projection(mean.astype(np.float32), _signed(matrix))


def _cells(traits: Traits) -> NDArray[np.int64]:
    """Return int64 (N,): the number of each face's cell, -1 where gender or group is not given or rare."""
    kinds = (np.floor(traits.ages_years / AGE_STEP_YEARS).astype(np.int64), traits.genders, traits.groups)
    codes = [np.unique(kind, return_inverse=True)[1] for kind in kinds]
    _, cells, counts = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True, return_counts=True)
    cells = cells.reshape(-1).astype(np.int64)
    given = (traits.genders != "") & (traits.groups != "")
    cells = np.where(given & (counts[cells] >= LEAST_CELL_FACES), cells, -1)
    if len(np.unique(cells[cells >= 0])) < 2:
        raise SettingsError(
            'The transform "lda" needs faces with gender and group, at least '
            f"{LEAST_CELL_FACES} of a kind and two kinds. Use another one, such as pca."
        )
    return cells


def _ridge(x: NDArray[np.float32], dims: int, traits: Traits) -> Projection:
    """Source: Hoerl and Kennard 1970."""
    answers = _answers(traits)
    if answers.shape[1] > dims:
        raise SettingsError(f'The transform "ridge" gives {answers.shape[1]} numbers, more than {dims}.')
    wide = x.astype(np.float64)
    mean = wide.mean(axis=0)
    centred = wide - mean
    moments = _shrunk(centred.T @ centred / len(wide))
    matrix = np.linalg.solve(moments, centred.T @ (answers - answers.mean(axis=0)) / len(wide))
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


def _answers(traits: Traits) -> Floats:
    """Return (N, A): the age as a bump over steps of five years and of unit length, then one-hots."""
    centres = np.arange(0, 101, AGE_STEP_YEARS)
    bumps = np.exp(-((traits.ages_years[:, None] - centres) ** 2) / (2 * AGE_STEP_YEARS**2))
    unit = bumps / np.maximum(np.linalg.norm(bumps, axis=1, keepdims=True), 1e-12)
    hots = [kind[:, None] == np.unique(kind[kind != ""]) for kind in (traits.genders, traits.groups)]
    return np.concatenate([unit, *hots], axis=1)
