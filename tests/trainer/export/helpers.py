"""A small model with random weights, as it is exported, and faces for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from simsvc.domain.photo.tensor import to_tensor
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from trainer.export import bundle as export
from trainer.export.projection import principal
from trainer.models import backbones
from trainer.models.age_model import AgeModel, Architecture
from trainer.training.ensembles.activations import extract

ABOUT: dict[str, Any] = {"name": "tiny", "training": {"faces": 3}, "recipe": {"seed": 1}, "metrics": {}}
LAYER = "head.relu_1"
SIDE_PX = 32


def crops(size_px: int, count: int = 6) -> list[Crop]:
    """Return drawn faces as crops."""
    return [Crop(np.asarray(draw_face(seed, size_px))) for seed in range(count)]


def graph(body: str, head: str, size_px: int, dims: int = 8) -> export.ServedGraph:
    """Return a model with random weights and statistics of its own, and the components of some faces."""
    torch.manual_seed(3)
    model = AgeModel(Architecture(body, head, hidden=24)).train()
    model.start_at(35.0)
    spec = backbones.BODIES[body]
    x = torch.from_numpy(to_tensor(crops(size_px), spec.mean, spec.std))
    with torch.no_grad():
        model(x)  # gives the batch norms statistics that are not 0 and 1
        _, activations = extract(model.eval(), LAYER, x)
    return export.ServedGraph(model, LAYER, principal(activations.numpy(), dims)).eval()
