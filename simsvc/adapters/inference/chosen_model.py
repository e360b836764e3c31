"""A bundle's model by the engine that an operator chose."""

from __future__ import annotations

from typing import Literal

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel
from simsvc.domain.gallery.manifest import EngineName
from simsvc.errors import EngineMissing
from simsvc.ports import Model

Engine = Literal["onnxruntime", "openvino"]
"""What may run the model in the service."""
ENGINES: tuple[Engine, ...] = ("onnxruntime", "openvino")


def served_model(bundle: Bundle, engine: Engine, threads: int, callers: int = 1) -> Model:
    """Return the model as the service runs it.

    Args:
        bundle: of the model.
        engine: that runs it.
        threads: that compute one call.
        callers: threads that call it at the same time.

    Raises:
        BundleDamaged: it cannot be loaded.
        EngineMissing: the engine is not installed.
    """
    if engine == "openvino":
        return OpenVinoModel(bundle, threads, callers)
    return OnnxModel(bundle, threads)


def building_model(bundle: Bundle, engine: EngineName, threads: int, callers: int) -> Model:
    """Return the model as a build of an index runs it; see `served_model`."""
    if engine != "torch":
        return served_model(bundle, "openvino" if engine == "openvino" else "onnxruntime", threads, callers)
    try:
        from simsvc.adapters.inference.torch_model import TorchModel  # noqa: PLC0415 - torch is no part of the service
    except ImportError:
        raise EngineMissing("torch") from None
    return TorchModel(bundle)
