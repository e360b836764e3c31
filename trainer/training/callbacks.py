"""fastai callbacks: bfloat16, growing sizes, averaged weights, checkpoints."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import torch
from fastai.basics import Callback, set_seed
from safetensors.torch import save_file
from torch import Tensor

from trainer.training.precision import autocast
from trainer.training.recipes import plots
from trainer.training.recipes.recipe import Recipe
from trainer.training.runs import HISTORY

KEEP_S = 20.0
"""On a GPU, checkpoints and plots are so far apart, but for a cycle's last: an epoch takes less time than
they do. What a killed run loses is at most that and an epoch."""


class Bf16(Callback):  # type: ignore[misc]  # fastai has no type information
    """bfloat16 where the device computes it; fastai's own MixedPrecision does CUDA only."""

    order = 10

    def before_batch(self) -> None:
        """Enter autocast."""
        self.cast = contextlib.ExitStack()
        self.cast.enter_context(autocast(self.x.device.type))

    def after_pred(self) -> None:
        """Give the loss float32."""
        self.learn.pred = self.pred.float()

    def after_loss(self) -> None:
        """Leave autocast before the backward pass, and when the batch is given up."""
        self.cast.close()

    after_cancel_batch = after_loss


class Schedule(Callback):  # type: ignore[misc]  # fastai has no type information
    """Progressive resizing, and seeds that depend on the epoch alone: a resumed run is the same run."""

    order = -20

    def __init__(self, recipe: Recipe, first_epoch: int) -> None:
        self.recipe, self.first_epoch = recipe, first_epoch

    def before_epoch(self) -> None:
        """Set size and seeds."""
        epoch = self.first_epoch + self.epoch
        size_px = size_at(self.recipe, epoch)
        set_seed(self.recipe.seed + epoch)
        self.recorder.smooth_loss.reset()  # else the loss on record depends on when the run was resumed
        for loader in self.dls.loaders:
            loader.size_px = size_px
            loader.reseed(self.recipe.seed + epoch)


class Average(Callback):  # type: ignore[misc]  # fastai has no type information
    """Exponential moving average of weights and statistics; validation and the best checkpoint use it.

    Source: Tarvainen and Valpola, NeurIPS 2017; the warm-up (1 + n) / (10 + n) is TensorFlow's.
    """

    order = 20

    def __init__(self, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.shadow: dict[str, Tensor] = {}
        self.live: dict[str, Tensor] = {}

    def before_fit(self) -> None:
        """Start from the model as it is, unless resumed."""
        if not self.shadow:
            self.shadow = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def after_batch(self) -> None:
        """Move the average after a training step."""
        if not self.training:
            return
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        live = {key: value.detach() for key, value in self.model.state_dict().items()}
        floats = [key for key, value in live.items() if value.dtype.is_floating_point]
        shadows, values = ([side[key] for key in floats] for side in (self.shadow, live))
        torch._foreach_lerp_(shadows, values, 1 - decay)  # one call for all: a GPU waits for none
        for key in live.keys() - set(floats):
            self.shadow[key].copy_(live[key])

    def before_validate(self) -> None:
        """Put the average in."""
        self.live = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.shadow)

    def after_validate(self) -> None:
        """Put the live weights back; `shadow` still holds what was validated."""
        self.model.load_state_dict(self.live)


class Checkpointer(Callback):  # type: ignore[misc]  # fastai has no type information
    """After every epoch: history, plot, best weights, and a checkpoint from which a killed run goes on."""

    order = 70

    def __init__(
        self,
        folder: Path,
        first_epoch: int,
        history: list[dict[str, Any]],
        average: Average | None,
        every_s: float = 0.0,
    ):
        self.folder, self.first_epoch, self.history, self.average = folder, first_epoch, history, average
        self.every_s = every_s
        self.started = self.checkpointed = time.monotonic()

    def after_epoch(self) -> None:
        """Write everything, the checkpoint last and atomically."""
        epoch = self.first_epoch + self.epoch
        if epoch < len(self.history):
            return  # done before the run was killed; fastai tells of the epochs it skips too
        train_loss, valid_loss, mae, rmse = (float(v) for v in self.recorder.log[1:5])
        best = min((h["valid_mae"] for h in self.history), default=float("inf"))
        self.history.append(
            {
                "epoch": epoch,
                "size_px": self.dls.train.size_px,
                "train_loss": train_loss,
                "valid_loss": valid_loss,
                "valid_mae": mae,
                "valid_rmse": rmse,
                "seconds": round(time.monotonic() - self.started, 1),
            }
        )
        self.started = time.monotonic()
        if mae < best:
            weights = self.average.shadow if self.average else self.model.state_dict()
            kept = {k: v.contiguous() for k, v in weights.items() if not k.startswith("traits.")}
            save_file(kept, self.folder / "best.safetensors")
        (self.folder / HISTORY).write_text(json.dumps(self.history, indent=1) + "\n", encoding="utf-8")
        if self.epoch + 1 < self.n_epoch and self.started - self.checkpointed < self.every_s:
            return
        plots.training(self.history, self.folder / "loss.png")
        self.checkpoint(epoch + 1)
        self.checkpointed = time.monotonic()

    def checkpoint(self, next_epoch: int) -> None:
        """Write from where a killed run goes on, atomically."""
        content = {
            "next_epoch": next_epoch,
            "model": self.model.state_dict(),
            "opt_state": [dict(s) for s in self.opt.state_dict()["state"]],
            "average": dict(self.average.shadow) if self.average else {},
            "average_steps": self.average.steps if self.average else 0,
            "history": self.history,
        }
        part = self.folder / "last.part"
        torch.save(content, part)
        part.replace(self.folder / "last.pth")


def size_at(recipe: Recipe, epoch: int) -> int:
    """Return the input size of an epoch, counted over the whole schedule."""
    for stage in recipe.schedule:
        if epoch < stage.epochs:
            return stage.size_px
        epoch -= stage.epochs
    return recipe.final_px
