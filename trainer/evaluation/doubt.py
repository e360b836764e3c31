"""The score of how far off an estimate may be: fitted on many sources, evaluated on those left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.estimate import doubt
from simsvc.domain.estimate.doubt import MEASURES, Doubt
from simsvc.values import Prediction
from trainer.evaluation.source_faces import Faces

REFERRED = 0.05  # Share of the faces of a source, on average over the sources, that are to be referred
FAR_YEARS = 15.0  # An error beyond it misleads whoever reads the estimate. Source: the project's own bound.
RIDGE = 1e-3
"""Added to the normal equations' diagonal, of standardised measures: the measures of spread go together, and
their weights would run apart. The share of large errors that is caught is the same from 1e-4 to 1e-1."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A model's output for the faces of one source."""

    source: str
    measures: NDArray[np.float64]  # (N, M) of `doubt.MEASURES`, in order
    errors_years: NDArray[np.float64]  # (N,), distance of the estimate from the age or its window's middle
    outside_years: NDArray[np.float64]  # (N,), distance outside the window


def scored(faces: Faces, predictions: Sequence[Prediction]) -> Scored:
    """Return what one-face predictions say of the faces of a source.

    Raises:
        ValueError: a prediction has no distribution over ages.
    """
    answers = [doubt.answer_of(prediction) for prediction in predictions]
    known = [answer for answer in answers if answer is not None]
    if len(known) < len(answers):
        raise ValueError("a prediction without a distribution")
    estimates = np.array([answer.age_years for answer in known])
    low, high = faces.windows_years.T
    measures = [[measure(answer) for measure in MEASURES.values()] for answer in known]
    outside = np.maximum(np.maximum(low - estimates, estimates - high), 0.0)
    return Scored(faces.source, np.array(measures), np.abs(estimates - faces.ages_years), outside)


def fitted(sources: Sequence[Scored], model_sha256: str) -> Doubt:
    """Fit ln(1 + error in years) by weighted least squares; the threshold refers `REFERRED` of each source.

    A source of N faces has the weight of the square root of N: a large one says more, and drowns none.
    """
    x = np.concatenate([source.measures for source in sources])
    y = np.log1p(np.concatenate([source.errors_years for source in sources]))
    sizes = np.array([len(source.errors_years) for source in sources])
    weight = np.repeat(1 / np.sqrt(sizes), sizes)
    weight /= weight.sum()
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    z = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    ridge = np.diag([RIDGE] * len(MEASURES) + [0.0])
    solved = np.linalg.solve((z * weight[:, None]).T @ z + ridge, (z * weight[:, None]).T @ y)
    plain = solved[:-1] / scale
    constant = float(solved[-1] - plain @ mean)
    scores = [source.measures @ plain + constant for source in sources]
    named = {name: float(value) for name, value in zip(MEASURES, plain, strict=True)}
    return Doubt(named, constant, threshold(scores), model_sha256)


def threshold(scores: Sequence[NDArray[np.float64]]) -> float:
    """Return the score above which `REFERRED` of the faces lie, each source counting alike."""
    values = np.concatenate(scores)
    weight = np.concatenate([np.full(len(source), 1 / len(source)) for source in scores])
    order = np.argsort(values)
    upto = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][np.searchsorted(upto, 1 - REFERRED)])


def scores_of(score: Doubt, source: Scored) -> NDArray[np.float64]:
    """Return the score of every face of a source, float64 (N,)."""
    found: NDArray[np.float64] = source.measures @ np.array([score.weights[name] for name in MEASURES])
    return found + score.constant


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Evaluation on a source of a score fitted without it."""

    source: str
    faces: int
    far: int  # errors beyond `FAR_YEARS`
    caught: int  # of them among the most doubtful `REFERRED`
    far_outside: int  # estimates more than `FAR_YEARS` outside the window
    caught_outside: int  # of them among the most doubtful
    referred: int  # faces above the threshold of the other sources
    caught_by_threshold: int  # errors beyond `FAR_YEARS` among those
    most_caught: int  # how many a perfect ranking would catch


def left_out(sources: Sequence[Scored]) -> list[LeftOut]:
    """Evaluate each source with a score fitted on the others; empty for a single source."""
    if len(sources) < 2:
        return []
    return [_judged(source, fitted([one for one in sources if one is not source], "")) for source in sources]


def _judged(source: Scored, score: Doubt) -> LeftOut:
    scores = scores_of(score, source)
    count = int(np.ceil(REFERRED * len(scores)))
    doubtful = np.argsort(-scores, kind="stable")[:count]
    far, outside = source.errors_years > FAR_YEARS, source.outside_years > FAR_YEARS
    above = scores > score.threshold
    return LeftOut(
        source=source.source,
        faces=len(scores),
        far=int(far.sum()),
        caught=int(far[doubtful].sum()),
        far_outside=int(outside.sum()),
        caught_outside=int(outside[doubtful].sum()),
        referred=int(above.sum()),
        caught_by_threshold=int((far & above).sum()),
        most_caught=min(count, int(far.sum())),
    )
