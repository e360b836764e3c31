"""Training losses, all on raw scores of `AgeModel` and labels in years."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from trainer.model import AGE_BINS, AgeModel
from trainer.recipe import Recipe

_POINT_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "smooth_l1": functional.smooth_l1_loss,
    "l1": functional.l1_loss,
    "l2": functional.mse_loss,
}


def label_distribution(ages_years: Tensor, sigma_years: float) -> Tensor:
    """Return float32 (N, 101): a Gaussian around each label over the bins, each row summing to one.

    Ages above 100 count as 100. Source: Gao et al., IEEE TIP 2017, equation 3.
    """
    bins = torch.arange(AGE_BINS, dtype=torch.float32, device=ages_years.device)
    centres = ages_years.clamp(0, AGE_BINS - 1)[:, None]
    weights = torch.exp(-((bins[None] - centres) ** 2) / (2 * sigma_years**2))
    return weights / weights.sum(dim=1, keepdim=True)


class AgeLoss:
    """The recipe's loss: scores (N, 1 or 101) and labels (N,) to a scalar."""

    def __init__(self, model: AgeModel, recipe: Recipe) -> None:
        self._model = model
        self._recipe = recipe

    def __call__(self, scores: Tensor, ages_years: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        recipe = self._recipe
        if recipe.loss != "distribution":
            return _POINT_LOSSES[recipe.loss](self._model.ages(scores), ages_years)
        target = label_distribution(ages_years, recipe.sigma_years)
        divergence = functional.kl_div(scores.float().log_softmax(dim=1), target, reduction="batchmean")
        expected = functional.smooth_l1_loss(self._model.ages(scores), ages_years)
        return divergence + recipe.expectation * expected
