"""A calibration as model.json holds it, and a distribution over ages."""

from __future__ import annotations

from typing import Any

import numpy as np

from simsvc.domain.estimate.age_distribution import AGES, Shares

SHA = "ab" * 32
RAW: dict[str, Any] = {
    "format": 1,
    "method": "split-conformal by band",
    "coverage": 0.9,
    "model_sha256": SHA,
    "source": "drawn",
    "split": "valid",
    "faces": 300,
    "bands": [
        {"from_years": 0.0, "below_years": -1.8, "above_years": 3.1, "faces": 100},
        {"from_years": 20.0, "below_years": -7, "above_years": 8.5, "faces": 200},
    ],
}


def bump(age_years: float, deviation_years: float) -> Shares:
    """Return the shares of a normal distribution over ages."""
    shares: Shares = np.exp(-0.5 * ((np.arange(AGES) - age_years) / deviation_years) ** 2)
    return shares / shares.sum()
