"""A calibration as model.json holds it."""

from __future__ import annotations

from typing import Any

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
