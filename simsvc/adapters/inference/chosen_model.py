"""Load a model with the chosen engine."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Literal

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel, fastest_inference
from simsvc.domain.gallery.manifest import EngineName
from simsvc.errors import EngineMissing
from simsvc.ports import Model

Engine = Literal["onnxruntime", "openvino", "torch"]
"""What may run the model."""
PLUG_INS = "simsvc.engines"
"""Group of entry points that make a `Model` of a `Bundle`, by the engine's name."""


def served_model(bundle: Bundle, engine: Engine, threads: int, callers: int = 1) -> Model:
    """Return the service's model; raises BundleDamaged if it cannot be loaded, EngineMissing."""
    if engine == "openvino":
        # not int8: with depthwise convolutions its answers then differ from ONNX Runtime's by up to 29 years
        return OpenVinoModel(bundle, threads, callers, precision="fp32", inference=fastest_inference())
    return _plugged_in(bundle) if engine == "torch" else OnnxModel(bundle, threads)


def building_model(bundle: Bundle, engine: EngineName, threads: int, callers: int) -> Model:
    """Return the model as a build of an index runs it; see `served_model`."""
    return served_model(bundle, engine_of(engine), threads, callers)


def engine_of(name: EngineName) -> Engine:
    """Return the engine by the name that builds give it."""
    return "onnxruntime" if name == "onnx" else name


def _plugged_in(bundle: Bundle) -> Model:
    try:
        (entry,) = entry_points(group=PLUG_INS, name="torch")
        model: Model = entry.load()(bundle)
    except (ImportError, ValueError):
        raise EngineMissing("torch") from None
    return model
