"""OpenVINO engine, faster than ONNX Runtime on processors that compute bfloat16.

Needs the `openvino` extra. `simsvc.telemetry` disables its telemetry.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from simsvc.adapters.inference.bundle import LATER_OUTPUTS, OUTPUTS, Bundle, BundledModel, checked
from simsvc.adapters.inference.onnx_model import CPU_FACTS, Precision, has_any_of, has_int8
from simsvc.domain.photo.tensor import to_tensor
from simsvc.errors import BundleDamaged, EngineMissing
from simsvc.values import Crop, Prediction

NAME = "openvino"
Inference = Literal["f32", "bf16"]
BF16_FLAGS = {"amx_bf16", "avx512_bf16"}
"""CPU flags for multiplying bfloat16 into float32. Source: Intel's Architecture Instruction Set Extensions
Programming Reference."""
AT_ONCE = 8
"""Batch size: a face of eight takes a fifth less time than a single one (one thread of a Xeon with AMX,
bfloat16, `python -m trainer engines`), and one of a larger batch hardly less."""


def fastest_inference(facts: Path = CPU_FACTS) -> Inference:
    """Return the floating-point format that is fastest on this processor: bfloat16 where it computes that.

    bfloat16 keeps closer to the float32 answers than ONNX Runtime's int8 does (`python -m trainer engines`).
    """
    return "bf16" if has_any_of(BF16_FLAGS, facts) else "f32"


class OpenVinoModel(BundledModel):
    """Model port. Create it after the worker forked: its threads do not survive a fork.

    Calls from several threads run one by one, each on all threads. Parallel infer requests deadlocked in one
    of 45 test runs (OpenVINO 2026.4) for unknown reasons.
    """

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 1,
        callers: int = 1,
        precision: Precision = "served",
        inference: Inference = "f32",
    ) -> None:
        """Compile the best graph for this processor, or the fp32 graph.

        A pass uses `threads` for each of `callers` calling threads. The precision "served" uses the int8
        graph if available and supported by the processor. `inference` is the floating-point format, "f32" or
        "bf16"; OpenVINO's default depends on the processor.

        Raises EngineMissing if OpenVINO is not installed, BundleDamaged if the graph cannot be compiled.
        """
        super().__init__(bundle)
        self.at_once = AT_ONCE
        as_integers = precision == "served" and has_int8() and bundle.served_path != bundle.graph_path
        graph = bundle.served_path if as_integers else bundle.graph_path
        self.engine = f"{NAME} {'int8' if as_integers else 'fp32' if inference == 'f32' else inference}"
        self._compiled = _compiled(graph, threads, callers, inference)
        given = {name for output in self._compiled.outputs for name in output.get_names()}
        if not set(OUTPUTS) <= given:
            raise BundleDamaged("graph")
        self._outputs = [name for name in (*OUTPUTS, *LATER_OUTPUTS) if name in given]
        self.has_distribution = LATER_OUTPUTS[0] in given
        self._request = self._compiled.create_infer_request()
        self._one_pass = threading.Lock()

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        """Return predictions for N >= 1 crops of side S; raises BundleDamaged if the output is not valid."""
        tensor = to_tensor(crops, self._bundle.mean, self._bundle.std)
        with self._one_pass:
            self._request.infer({"crops": tensor})
            found = {name: self._request.get_tensor(name).data.copy() for name in self._outputs}
        return checked(self._bundle, found)


def _compiled(graph: Path, threads: int, callers: int, inference: Inference) -> Any:
    try:
        import openvino  # noqa: PLC0415 - an extra
    except ImportError:
        raise EngineMissing("openvino") from None
    options = {
        "INFERENCE_NUM_THREADS": threads * callers,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": inference,
        "ENABLE_CPU_PINNING": False,  # workers share the cores
        "CACHE_DIR": "",  # no disk cache
    }
    try:
        return openvino.Core().compile_model(str(graph), "CPU", options)
    except RuntimeError as error:
        first = str(error).strip().partition("\n")[0]
        raise BundleDamaged("unloadable", problem=first) from None
