from __future__ import annotations

import numpy as np
import pytest

from simsvc.values import Face
from trainer.cli.framing import CHANGES, as_text, compared

FACE = Face(100, 50, 40, 80, 0.9)


def test_boxes() -> None:
    """Scaling keeps the centre, shifts go by a tenth of the longer side, and the first changes nothing."""
    boxes = {change.name: change.of(FACE) for change in CHANGES}
    assert boxes["as detected"] == FACE
    assert boxes["scaled by 0.9"].side_px == pytest.approx(72)
    assert boxes["scaled by 1.1"].side_px == pytest.approx(88)
    assert boxes["scaled by 1.1"].centre_px == pytest.approx(FACE.centre_px)
    assert boxes["10% to the left"].centre_px == pytest.approx((112, 90))
    assert boxes["10% to the right"].centre_px == pytest.approx((128, 90))
    assert boxes["10% up"].centre_px == pytest.approx((120, 82))
    assert boxes["10% down"].centre_px == pytest.approx((120, 98))
    assert len(boxes) == 7


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
