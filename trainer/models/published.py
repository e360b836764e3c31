"""A published network as an age model: another shape, the same numbers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from trainer.models import faceres
from trainer.models.age_model import AgeModel, Architecture
from trainer.models.npm_file import KEPT

NO_SCORE = -30.0
"""Score of an age of 100 years, which `faceres-deep` does not know: a share of about 1e-13."""


def faceres_model(kept: Path = KEPT) -> AgeModel:
    """Return `faceres-deep` as published, in evaluation mode: its scores of the ages of 0 to 99 years.

    The head's batch norms change nothing, and its maximum pooling has no weight.

    Raises:
        BundleMissing: its files were not fetched.
        BundleDamaged: a file is not the published one.
    """
    net = faceres.published(kept)
    hidden = net.feats.out_features
    model = AgeModel(Architecture("faceres", head="distribution", hidden=hidden, dropout=0.0, point="median"))
    model.body.load_state_dict(net.body.state_dict())
    layers = dict(model.head.named_children())
    with torch.no_grad():
        for name in ("norm_1", "norm_2"):
            norm = layers[name]
            assert isinstance(norm, nn.BatchNorm1d)  # noqa: S101 - told to mypy
            assert norm.running_var is not None  # noqa: S101 - it tracks statistics by default
            norm.running_var.fill_(1 - norm.eps)
        first, last = layers["linear_1"], layers["linear_2"]
        assert isinstance(first, nn.Linear)  # noqa: S101 - told to mypy
        assert isinstance(last, nn.Linear)  # noqa: S101 - told to mypy
        first.weight.zero_()
        first.weight[:, faceres.CHANNELS :] = net.feats.weight
        first.bias.copy_(net.feats.bias)
        last.weight.zero_()
        last.weight[: faceres.AGES] = net.age.weight
        last.bias.fill_(NO_SCORE)
        last.bias[: faceres.AGES] = net.age.bias
    return model.eval()
