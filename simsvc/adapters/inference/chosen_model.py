"""Load a model with the chosen engine."""

from __future__ import annotations

from typing import Literal

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel
from simsvc.domain.gallery.manifest import EngineName
from simsvc.errors import EngineMissing
from simsvc.ports import Model

Engine = Literal["onnxruntime", "openvino"]
"""Inference engines of the service."""
ENGINES: tuple[Engine, ...] = ("onnxruntime", "openvino")


def served_model(bundle: Bundle, engine: Engine, threads: int, callers: int = 1) -> Model:
    """Return the model for the service.

    Args:
        bundle: of the model.
        engine: inference engine.
        threads: per call.
        callers: number of calling threads.

    Raises:
        BundleDamaged: the model cannot be loaded.
        EngineMissing: the engine is not installed.
    """
    if engine == "openvino":
        return OpenVinoModel(bundle, threads, callers)
    return OnnxModel(bundle, threads)


def building_model(bundle: Bundle, engine: EngineName, threads: int, callers: int) -> Model:
    """Return the model for an index build; see `served_model`."""
    if engine != "torch":
        return served_model(bundle, "openvino" if engine == "openvino" else "onnxruntime", threads, callers)
    try:
        from simsvc.adapters.inference.torch_model import TorchModel  # noqa: PLC0415 - torch is not part of the service
    except ImportError:
        raise EngineMissing(
            "PyTorch is not installed here. Install it with `pip install 'simsvc[train]'`, "
            "or use the other engine: `--engine onnx`."
        ) from None
    return TorchModel(bundle)
