"""How much a photo looks like those of one source: logistic regression on a model's pooled features.

Photos of one data set share how they were found, cut out and labelled. A model is right on them in another
way than on photos from anywhere, so that an ensemble weighs its members by this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

PENALTY = 10.0
"""Weight of the squared coefficients of standardised features. Source: of UTKFace held out 97%, 97%, 96%
and 94% were told from others, and 1.6%, 0.4%, 0% and 0.8% of others taken for it, at 1, 10, 100, 1,000."""
LEAST_SPREAD = 1e-3  # A feature that varies less counts as one that varies by so much


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A linear score of pooled features; its sigmoid is the likeness, 0 to 1."""

    weight: NDArray[np.float32]  # (F,)
    bias: float

    def layer(self) -> nn.Linear:
        """Return it as a layer, (N, F) -> (N, 1)."""
        layer = nn.Linear(len(self.weight), 1)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weight)[None])
            layer.bias.fill_(self.bias)
        return layer


def fitted(pooled: NDArray[np.float32], mine: NDArray[np.bool_]) -> Likeness:
    """Return the likeness of photos (N, F) to those that are `mine` (N,); both sides count alike.

    Raises:
        ValueError: there are none on one of the sides.
    """
    if not mine.any() or mine.all():
        raise ValueError("a likeness needs photos of the source and others")
    mean, spread = pooled.mean(axis=0), np.maximum(pooled.std(axis=0), LEAST_SPREAD)
    model = LogisticRegression(C=1 / PENALTY, class_weight="balanced", max_iter=1000)
    model.fit((pooled - mean) / spread, mine)
    weight = model.coef_[0] / spread
    return Likeness(weight.astype(np.float32), float(model.intercept_[0] - weight @ mean))
