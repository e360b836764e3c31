"""PyTorch as an engine of the service: the trainer's own modules, on a GPU where there is one.

An entry point of the group `simsvc.engines` names it, so that the service need not import the trainer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch

from simsvc.adapters.inference.bundle import LATER_OUTPUTS, Bundle, BundledModel, checked
from simsvc.domain.photo.tensor import to_tensor
from simsvc.values import Crop, Prediction
from trainer.export.restore import served_graph


class TorchModel(BundledModel):
    """Model port. The embedding is made of what forward hooks catch, see `ServedGraph`."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the modules.

        Raises:
            BundleDamaged: the model is of a kind that cannot be restored.
        """
        super().__init__(bundle)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._one_at_a_time = threading.Lock()
        self._graph = served_graph(bundle.graph_path).to(self._device)

    @property
    def engine(self) -> str:
        """What runs it, and in what numbers."""
        return "torch fp32"

    @property
    def has_distribution(self) -> bool:
        """Whether predictions have `age_shares`."""
        return LATER_OUTPUTS[0] in self._graph.output_names

    @torch.inference_mode()
    def predict(self, crops: Sequence[Crop]) -> Prediction:
        """Return ages, embeddings and what else the graph gives of N >= 1 crops of side S.

        Raises:
            BundleDamaged: the model's answer makes no sense.
        """
        tensor = torch.from_numpy(to_tensor(crops, self._bundle.mean, self._bundle.std)).to(self._device)
        with (
            self._one_at_a_time,
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            given = zip(self._graph.output_names, self._graph(tensor), strict=True)
        return checked(self._bundle, {name: value.cpu().numpy() for name, value in given})
