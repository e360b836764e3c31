"""Photos of a case that a person should compare, because the model sees them as very different.

This only chooses what to look at. It is no identification: the model was trained for age, nothing is scored,
shown as a figure, stored or used in a decision, and photos that are not chosen may still show two people.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsvc.values import FloatVector

FAR_DISTANCE = 1.2
"""Angular distance of embeddings from which on two photos should be compared."""
MEASURED_MODEL_SHA256 = ""
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
