from __future__ import annotations

import numpy as np
import pytest

from simsvc.values import Face
from trainer.cli.measuring.framing import CHANGES, as_text, compared

FACE = Face(100, 50, 40, 80, 0.9)


@pytest.mark.parametrize(
    ("name", "side_px", "centre_px"),
    [
        ("as detected", 80, (120, 90)),
        ("scaled by 0.9", 72, (120, 90)),
        ("scaled by 1.1", 88, (120, 90)),
        ("10% to the left", 80, (112, 90)),
        ("10% to the right", 80, (128, 90)),
        ("10% up", 80, (120, 82)),
        ("10% down", 80, (120, 98)),
    ],
)
def test_boxes(name: str, side_px: float, centre_px: tuple[float, float]) -> None:
    """Scaling keeps the centre, shifts go by a tenth of the longer side, and the first changes nothing."""
    (change,) = (each for each in CHANGES if each.name == name)
    box = change.of(FACE)
    assert box.side_px == pytest.approx(side_px)
    assert box.centre_px == pytest.approx(centre_px)


def test_there_are_no_other_boxes() -> None:
    """Seven changes, of which the first is none."""
    assert len(CHANGES) == 7
    assert CHANGES[0].of(FACE) == FACE


def test_costs() -> None:
    """The cost is MAE over that of the box as detected; the worst of the six counts."""
    labels = np.array([20.0, 40.0])
    estimates = np.tile(labels + 1, (7, 1))
    estimates[4] += 3
    estimates[5] = labels
    figures = compared(estimates, labels)
    assert [entry["mae"] for entry in figures["changes"]] == [1, 1, 1, 1, 4, 0, 1]
    assert figures["changes"][4] == {"change": "10% to the right", "mae": 4, "cost": 3, "moved": 3}
    assert figures["changes"][5]["cost"] == -1
    assert figures["worst_cost_years"] == 3
    assert "worst cost +3.00 years" in as_text(figures)
