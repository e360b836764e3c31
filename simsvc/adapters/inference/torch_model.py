"""PyTorch engine with a forward hook, on a GPU if available.

Each node of model.onnx becomes a named submodule, so that forward hooks can be added to any of them. Needs
the `train` extra (torch, onnx); the service imports this only on request.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from simsvc.adapters.inference.bundle import LATER_OUTPUTS, Bundle, BundledModel, checked
from simsvc.adapters.inference.torch_operators import OPERATORS
from simsvc.domain.photo.tensor import to_tensor
from simsvc.errors import BundleDamaged
from simsvc.values import Crop, Prediction

NORMALISING = {"Div", "LpNormalization"}
"""Operators for the last step of an embedding, x / |x|; their first input is x."""


class Node(nn.Module):
    """One node of the graph, from inputs to its output."""

    def __init__(self, node: onnx.NodeProto) -> None:
        super().__init__()
        if node.op_type not in OPERATORS or len([name for name in node.output if name]) != 1:
            raise NotImplementedError(f"the operator {node.op_type}")
        self.op_type: str = node.op_type
        self.input_names: list[str] = list(node.input)
        self.output_name: str = node.output[0]
        self.attributes = {entry.name: _value(entry) for entry in node.attribute}

    def forward(self, *inputs: Tensor | None) -> Tensor:
        """Apply the operator."""
        return OPERATORS[self.op_type](list(inputs), self.attributes)


class Graph(nn.Module):
    """An ONNX graph with named weights; submodule `nodes.<number>_<operator>` is a node, in order."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        super().__init__()
        self.nodes = nn.ModuleDict(
            {f"{number}_{node.op_type}": Node(node) for number, node in enumerate(graph.node)}
        )
        self._weights: dict[str, str] = {}
        for number, weight in enumerate(graph.initializer):
            self._weights[weight.name] = f"weight_{number}"
            self.register_buffer(f"weight_{number}", torch.from_numpy(numpy_helper.to_array(weight).copy()))

    def node_of(self, output: str) -> Node:
        """Return the node with an output name."""
        return next(node for node in self._in_order() if node.output_name == output)

    def embedding_source(self) -> Node:
        """Return the node whose normalised output is the embedding."""
        last = self.node_of("embedding")
        while last.op_type == "Identity":
            last = self.node_of(last.input_names[0])
        return self.node_of(last.input_names[0]) if last.op_type in NORMALISING else last

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Return ages in years, float32 (N,), and available `LATER_OUTPUTS`.

        Args:
            crops: float32 (N, 3, S, S).
        """
        values: dict[str, Tensor | None] = {"": None, "crops": crops}
        values |= {name: self.get_buffer(buffer) for name, buffer in self._weights.items()}
        for node in self._in_order():
            values[node.output_name] = node(*(values[name] for name in node.input_names))
        given = {name: values.get(name) for name in ("age_years", *LATER_OUTPUTS)}
        return {name: value for name, value in given.items() if value is not None}

    def to_device(self, device: torch.device) -> Graph:
        """Move the weights; scalars and integers stay on the CPU for shape computations."""
        for name, buffer in self.named_buffers():
            setattr(self, name, _moved(buffer, device))
        for node in self._in_order():
            if "value" in node.attributes:
                node.attributes["value"] = _moved(node.attributes["value"], device)
        return self

    def _in_order(self) -> list[Node]:
        return [node for node in self.nodes.values() if isinstance(node, Node)]


class TorchModel(BundledModel):
    """Model port. A forward hook captures the embedding before normalisation."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the graph's modules.

        Raises:
            BundleDamaged: the graph has an unsupported operator or form.
        """
        super().__init__(bundle)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._one_at_a_time = threading.Lock()
        try:
            self._graph = Graph(onnx.load(bundle.graph_path).graph).to_device(self._device).eval()
            self._layer = self._graph.embedding_source()
        except (NotImplementedError, StopIteration) as error:
            raise _unknown(error) from None

    @property
    def engine(self) -> str:
        """Inference engine and number format."""
        return "torch fp32"

    @property
    def has_distribution(self) -> bool:
        """Whether predictions have `age_shares`."""
        return any(node.output_name == LATER_OUTPUTS[0] for node in self._graph.nodes.values())

    @property
    def graph(self) -> Graph:
        """The modules, for further hooks."""
        return self._graph

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        """Return the predictions for N >= 1 crops of side S.

        Raises:
            BundleDamaged: the graph has an unsupported form, or its output is not valid.
        """
        tensor = torch.from_numpy(to_tensor(crops, self._bundle.mean, self._bundle.std)).to(self._device)
        try:
            given, activations = self._hooked(tensor)
        except NotImplementedError as error:
            raise _unknown(error) from None
        given["embedding"] = functional.normalize(activations.flatten(1))
        return checked(self._bundle, {name: value.cpu().numpy() for name, value in given.items()})

    @torch.inference_mode()
    def _hooked(self, tensor: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return outputs and the layer's activations of one pass, and remove the hook."""
        caught: list[Tensor] = []
        with (
            self._one_at_a_time,
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            handle = self._layer.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
            try:
                given = self._graph(tensor)
            finally:
                handle.remove()
        return given, caught[0]


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.to(device) if tensor.is_floating_point() and tensor.ndim else tensor


def _value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return torch.from_numpy(numpy_helper.to_array(value).copy())
    return value.decode() if isinstance(value, bytes) else value


def _unknown(error: Exception) -> BundleDamaged:
    what = str(error) or "an output that nothing gives"
    return BundleDamaged(
        f"The PyTorch engine cannot run this model: it holds {what}. Use the other engine: `--engine onnx`."
    )
