from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.training.ensembles.likeness import fitted


def _photos(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features of which the first tells the source, on scales that differ, and which are its own."""
    random = np.random.default_rng(seed)
    mine = np.arange(count) % 4 == 0
    pooled = random.normal(0, 1, (count, 5)) * [1, 100, 0.01, 0, 1]
    pooled[:, 0] += 6 * mine
    return pooled.astype(np.float32), mine


def test_unseen_photos_are_told_apart() -> None:
    """The layer's sigmoid is above a half for the source's photos and below for others."""
    layer = fitted(*_photos(400, 0)).layer()
    pooled, mine = _photos(200, 1)
    with torch.no_grad():
        like = layer(torch.from_numpy(pooled)).sigmoid()[:, 0].numpy()
    assert np.mean((like > 0.5) == mine) > 0.98


@pytest.mark.parametrize("mine", [np.zeros(4, bool), np.ones(4, bool)])
def test_one_side_alone(mine: np.ndarray) -> None:
    """Nothing can be told apart."""
    with pytest.raises(ValueError, match="others"):
        fitted(np.zeros((4, 2), np.float32), mine)
