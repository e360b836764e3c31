"""Pictures of training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def training(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw loss and MAE by epoch, renewed after every epoch."""
    epochs = [h["epoch"] + 1 for h in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(epochs, [h["train_loss"] for h in history], label="training")
    left.plot(epochs, [h["valid_loss"] for h in history], label="validation")
    left.set(xlabel="epoch", ylabel="loss")
    left.legend(frameon=False)
    right.plot(epochs, [h["valid_mae"] for h in history], label="MAE")
    right.plot(epochs, [h["valid_rmse"] for h in history], label="RMSE")
    right.set(xlabel="epoch", ylabel="years, validation")
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
