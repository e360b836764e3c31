"""Offsets to the scores of ages, so that no decade has a bias on average.

A model learns how common each age is among its training faces and leans towards the common ones: teenagers
are told older than they are, the old younger. Adding an offset to the score of each age takes that leaning
away, as dividing by the training faces' own prior would.
Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.1. Theirs are the
logarithm of the frequencies times a factor; ours are one number a decade, joined by straight lines, found on
the validation part, since a small bias by decade is what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainer.models.age_model import AGE_BINS, POINTS, median

KNOT_YEARS = 10  # One offset a decade: as fine as the biases it is to mend
MOST_BIAS_YEARS = 1.5
MOST_OLD_BIAS_YEARS = 4.0
OLD_YEARS = 70  # Largest bias of a decade below and from `OLD_YEARS` on. Source: the project's own bounds.
ROOM = 0.8
"""Share of the bounds that is aimed at. Source: the trade on the validation part (3-fold, model face-taught):
aims of 0.5, 0.8 and 1.0 cost 0.21, 0.12 and 0.09 years of mean error; at 1.0 nothing is left for others."""
LEAST_FACES = 20  # Decades of fewer faces say too little about a bias, and are left to the others
PENALTY = 2.0  # Years of mean error that a squared year of bias beyond the aim may cost: biases come first
SMOOTH = 0.02
"""Of the squared differences between neighbouring slopes: without it the offsets of rare ages run off."""
STEPS = 400
RATE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """A model's output for labelled faces."""

    scores: NDArray[np.float32]  # (V, N, AGE_BINS) of V views of each face, whose estimates are averaged
    ages_years: NDArray[np.float32]  # (N,)
    weights: NDArray[np.float32]  # (N,), how much each face counts; they sum to N


def source_weights(sources: NDArray[np.str_]) -> NDArray[np.float32]:
    """Return float32 (N,), which sum to N: a source of n faces counts as the root of n.

    Between both extremes: counting faces, the largest source decides alone; counting sources, thirty faces
    decide as much as two thousand. `trainer.evaluation.doubt` weighs its sources alike.
    """
    _, which, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[which.reshape(-1)])
    balanced: NDArray[np.float32] = (weights * (len(weights) / weights.sum())).astype(np.float32)
    return balanced


def offsets(told: Told, point: str, penalty: float = PENALTY, ridge: float = 0.0) -> NDArray[np.float32]:
    """Return float32 (AGE_BINS,), to be added to the scores: their mean over the faces' ages is zero.

    They have the least mean absolute error with every decade's bias within `ROOM` of its bound, as far as
    that can be had. `ridge` is the price, in years, of the knots' mean square: it keeps offsets of ages
    without faces near the others' mean.

    Raises:
        ValueError: `point` is none of `POINTS`.
    """
    if point not in POINTS:
        raise ValueError(f"no point {point!r}")
    scores, ages = torch.from_numpy(told.scores), torch.from_numpy(told.ages_years)
    weights = torch.from_numpy(told.weights)
    parts = _decades(ages)
    knots = torch.zeros(AGE_BINS // KNOT_YEARS + 1, requires_grad=True)
    adam = torch.optim.Adam([knots], RATE)
    for _ in range(STEPS):
        adam.zero_grad()
        errors = estimates(scores, _joined(knots), point) - ages
        loss = (weights * errors.abs()).mean() + SMOOTH * knots.diff().diff().square().sum()
        loss = loss + ridge * knots.square().mean()
        for faces, aim in parts:
            bias = (weights[faces] * errors[faces]).sum() / weights[faces].sum()
            loss = loss + penalty * (bias.abs() - aim).clamp_min(0) ** 2
        torch.autograd.backward(loss)
        adam.step()
    found = _joined(knots.detach())
    return (found - (weights * found[ages.long().clamp(0, AGE_BINS - 1)]).mean()).numpy()


def estimates(scores: Tensor, added: Tensor, point: str) -> Tensor:
    """Return ages in years (N,) of scores (V, N, AGE_BINS) with offsets (AGE_BINS,), averaged over views."""
    shares = (scores + added).softmax(dim=2)
    if point == "median":
        return median(shares.flatten(0, 1)).reshape(scores.shape[:2]).mean(dim=0)
    return (shares @ torch.arange(AGE_BINS, dtype=torch.float32)).mean(dim=0)


def _joined(knots: Tensor) -> Tensor:
    """Join one number a decade by straight lines: (AGE_BINS,)."""
    return functional.interpolate(knots[None, None], AGE_BINS, mode="linear", align_corners=True)[0, 0]


def _decades(ages_years: Tensor) -> list[tuple[Tensor, float]]:
    """Return the faces of every decade that has enough of them, and the bias aimed at."""
    starts = (ages_years / KNOT_YEARS).floor().clamp_max(9) * KNOT_YEARS
    found = []
    for start in sorted(set(starts.tolist())):
        faces = torch.nonzero(starts == start)[:, 0]
        if len(faces) >= LEAST_FACES:
            found.append((faces, ROOM * (MOST_BIAS_YEARS if start < OLD_YEARS else MOST_OLD_BIAS_YEARS)))
    return found
