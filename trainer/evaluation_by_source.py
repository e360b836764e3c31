"""Errors by source: what a model says of faces whose exact age, or a window that holds it, is known.

The error is taken to the middle of a window: of a face whose age is known to five or six years that adds up
to three years to the error of a model that is right, and the constant guess carries it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.rows import Row


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Faces of one source and what a model says of them.

    Attributes:
        source: its name.
        rows: N labelled faces.
        estimates_years: float64 (N,).
    """

    source: str
    rows: tuple[Row, ...]
    estimates_years: NDArray[np.float64]

    @property
    def labels_years(self) -> NDArray[np.float64]:
        """Exact ages and the middles of windows, float64 (N,)."""
        return np.array([row.age_years for row in self.rows])

    def as_dict(self) -> dict[str, Any]:
        """Return labels, windows and estimates as lists, for what is measured of them later."""
        return {
            "persons": [row.person or row.reference for row in self.rows],
            "labels_years": [round(float(label), 2) for label in self.labels_years],
            "windows_years": [list(row.window_years) for row in self.rows],
            "estimates_years": [round(float(age), 3) for age in self.estimates_years],
        }


def summary(judged: Judged) -> dict[str, Any]:
    """Return the figures of a source.

    They are the mean absolute error, that of the best constant guess (the median of the labels), their ratio,
    the bias, the mean of the worst hundredth of the errors, how far estimates lie outside the windows, and
    the slope of the label on the estimate.
    """
    labels, ages = judged.labels_years, judged.estimates_years
    errors = ages - labels
    windows = np.array([row.window_years for row in judged.rows])
    beyond = np.maximum(0, np.maximum(windows[:, 0] - ages, ages - windows[:, 1]))
    constant = float(np.abs(labels - np.median(labels)).mean())
    worst = np.sort(np.abs(errors))[-max(1, round(len(errors) / 100)) :]
    slope = float(np.polyfit(ages, labels, 1)[0]) if np.ptp(ages) > 0 else float("nan")
    return {
        "source": judged.source,
        "faces": len(errors),
        "mae": round(float(np.abs(errors).mean()), 3),
        "bias": round(float(errors.mean()), 3),
        "constant": round(constant, 3),
        "ratio": round(float(np.abs(errors).mean()) / max(constant, 1e-9), 3),
        "worst_1pc": round(float(worst.mean()), 2),
        "outside_window": round(float(beyond.mean()), 3),
        "slope": round(slope, 3),
    }


def as_text(parts: list[dict[str, Any]]) -> str:
    """Return an aligned table, and the mean over the sources below it."""
    lines = [
        f"{'source':24}{'faces':>6}{'MAE':>7}{'guess':>7}{'ratio':>7}{'bias':>7}{'worst 1%':>10}{'slope':>7}"
    ]
    lines += [
        f"{part['source']:24}{part['faces']:>6}{part['mae']:>7.2f}{part['constant']:>7.2f}"
        f"{part['ratio']:>7.2f}{part['bias']:>+7.2f}{part['worst_1pc']:>10.1f}{part['slope']:>7.2f}"
        for part in parts
    ]
    means = {key: float(np.mean([part[key] for part in parts])) for key in ("mae", "constant", "ratio")}
    lines.append(f"{'mean':30}{means['mae']:>7.2f}{means['constant']:>7.2f}{means['ratio']:>7.2f}")
    return "\n".join(lines)
