"""Training losses, all on raw scores of `AgeModel` and labels in years."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from simsvc.domain.gallery.labels import GENDERS, GROUPS
from trainer.models.age_model import AGE_BINS, AgeModel
from trainer.training.recipes.recipe import Recipe

TRAITS = len(GENDERS) + len(GROUPS)
_POINT_LOSSES: dict[str, Callable[..., Tensor]] = {
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
    """The recipe's loss: scores (N, 1 or 101), labels (N,) and loss weights (N,) to a scalar.

    Where teachers are given, part of the target is theirs, the distribution and its expected value alike.
    Where an age is known to lie in a window, the loss is the interval-censored likelihood, minus the
    logarithm of the mass inside, and the expected value costs its distance outside. Source: Turnbull, "The
    Empirical Distribution Function with Arbitrarily Grouped, Censored and Truncated Data", JRSS B 38, 1976,
    section 2.
    """

    def __init__(self, model: AgeModel, recipe: Recipe) -> None:
        self._model = model
        self._recipe = recipe

    def __call__(
        self,
        scores: Tensor,
        ages_years: Tensor,
        weights: Tensor | None = None,
        taught: Tensor | None = None,
        windows_years: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss of a batch, each face's loss times its weight (1 where none are given).

        `taught` has the teachers' distributions (N, 101) times their share of the target, `windows_years`
        (N, 2) the ends of the window that holds each age, alike where it is exact.
        """
        losses = self._each(scores, ages_years, taught, windows_years)
        return (losses if weights is None else losses * weights).mean()

    def _each(
        self, scores: Tensor, ages_years: Tensor, taught: Tensor | None, windows_years: Tensor | None
    ) -> Tensor:
        recipe = self._recipe
        if recipe.loss != "distribution":
            return _POINT_LOSSES[recipe.loss](self._model.ages(scores), ages_years, reduction="none")
        target, wanted_years = label_distribution(ages_years, recipe.sigma_years), ages_years
        if taught is not None:
            told = taught.sum(dim=1).clamp_max(1)  # 0 where no teacher knows the face
            target = (1 - told)[:, None] * target + taught
            wanted_years = (1 - told) * ages_years + taught @ self._model.bins
        divergence = functional.kl_div(scores.float().log_softmax(dim=1), target, reduction="none").sum(dim=1)
        expected = functional.smooth_l1_loss(self._model.expected(scores), wanted_years, reduction="none")
        exact = divergence + recipe.expectation * expected
        if windows_years is None:
            return exact
        windowed = windows_years[:, 0] < windows_years[:, 1]
        everything = torch.tensor([0.0, AGE_BINS - 1], device=scores.device)
        windows_years = torch.where(windowed[:, None], windows_years, everything)  # none is empty
        return torch.where(windowed, self._censored(scores, windows_years), exact)

    def _censored(self, scores: Tensor, windows_years: Tensor) -> Tensor:
        """Return (N,): the loss of ages of which only the window (N, 2) is known."""
        low, high = windows_years[:, :1], windows_years[:, 1:]
        bins = self._model.bins[None]
        within = (bins >= low) & (bins <= high)
        mass = scores.float().log_softmax(dim=1).masked_fill(~within, -torch.inf).logsumexp(dim=1)
        expected = self._model.expected(scores)[:, None]
        beyond = ((low - expected).clamp_min(0) + (expected - high).clamp_min(0))[:, 0]
        cost = functional.smooth_l1_loss(beyond, torch.zeros_like(beyond), reduction="none")
        return -mass + self._recipe.expectation * cost


def traits_loss(scores: Tensor, one_hots: Tensor) -> Tensor:
    """Return float32 (N,): cross-entropy of gender plus that of group; 0 for what is not given.

    Both are (N, TRAITS), genders first; `one_hots` are all zeros where not given, and mixed by mixup.
    """
    total = torch.zeros(len(scores), device=scores.device)
    for kind in (slice(0, len(GENDERS)), slice(len(GENDERS), TRAITS)):
        total = total - (one_hots[:, kind] * scores[:, kind].float().log_softmax(dim=1)).sum(dim=1)
    return total
