"""Photos of a case that a person should compare, because the model sees them as very different.

This only chooses what to look at. It is no identification: the model was trained for age, nothing is scored,
shown as a figure, stored or used in a decision, and photos that are not chosen may still show two people.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsvc.values import FloatVector

FAR_DISTANCE = 1.17
"""Angular distance of embeddings beyond which two photos should be compared.

Source: `python -m trainer same-person` on FG-NET, which the model has seen. Beyond it are 4.7% of 254 pairs
of one adult at most ten years apart (false alarms; 25% from ten years on, 51% from twenty), and 44.7% of
4,265 pairs of two adults of about the same age. Of 124 such pairs of the portraits, which it has not seen,
it is 54.8%.
"""
MEASURED_MODEL_SHA256 = "132b3c42e2c985bfbab2b72640dcddffd29a5ec43b06ef2c9ee2790ea6b3b536"
"""Weights of the model that `FAR_DISTANCE` was measured with; photos of other models are not compared."""
MOST_COMPARED = 24
"""Photos of one case that are compared: the latest ones."""


def to_compare(embeddings: Sequence[FloatVector], far: float = FAR_DISTANCE) -> list[tuple[int, int]]:
    """Return pairs of photos to compare: each photo that is far from the most typical one, with that one.

    The most typical photo is the one nearest to most others (the medoid), the first one of two.
    """
    if len(embeddings) < 2:
        return []
    faces = np.stack(embeddings).astype(np.float64)
    distances = np.sqrt(np.clip(2.0 - 2.0 * faces @ faces.T, 0.0, 4.0))
    typical = int(np.median(distances, axis=1).argmin())
    return [(typical, one) for one in range(len(faces)) if distances[typical, one] > far]
