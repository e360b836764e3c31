"""ONNX Runtime: age and embedding in one pass."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any, Literal

from simsvc.adapters.inference.bundle import LATER_OUTPUTS, OUTPUTS, Bundle, BundledModel, checked
from simsvc.domain.photo.tensor import to_tensor
from simsvc.errors import BundleDamaged, EngineMissing
from simsvc.values import Crop, Prediction

Precision = Literal["served", "fp32"]
Device = Literal["cpu", "cuda"]
NAME = "onnxruntime"


CPU_FACTS = Path("/proc/cpuinfo")
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}
"""CPU flags for 8-bit multiply-add into 32 bits. Without them, 16-bit sums overflow and int8 is less exact.
Source: ONNX Runtime's documentation, "Quantize ONNX Models", on U8S8."""


AFTER_A_BATCH = "memory.enable_memory_arena_shrinkage", "cpu:0"
"""Memory of single faces is kept for the next run (a worker stays at 224 MB after 32 clients, instead of 240
to 282), and that of batches is released. Source: ONNX Runtime's onnxruntime_run_options_config_keys.h."""


def has_int8(facts: Path = CPU_FACTS) -> bool:
    """Return whether this processor is known to compute int8 exactly."""
    return has_any_of(INT8_FLAGS, facts)


def has_any_of(flags: Set[str], facts: Path = CPU_FACTS) -> bool:
    """Return whether this processor is known to have one of some capabilities."""
    try:
        words = facts.read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not flags.isdisjoint(words)


class OnnxModel(BundledModel):
    """Model port. Create it after the worker forked, because a session's threads do not survive a fork."""

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 1,
        precision: Precision = "served",
        graph: Path | None = None,
        device: Device = "cpu",
    ) -> None:
        """Load the best graph for this processor, the fp32 graph, or another graph of the model.

        On a GPU, with `onnxruntime-gpu`, it is the fp32 graph; raises EngineMissing without that.
        """
        super().__init__(bundle)
        named = bundle.served_path if precision == "served" and has_int8() else bundle.graph_path
        graph = graph or (bundle.graph_path if device == "cuda" else named)
        self.engine = f"{NAME} {'fp32' if graph == bundle.graph_path else 'int8'}"
        if device == "cuda":
            self.engine += " cuda"
        self._session = _session(graph, threads, _providers(device))
        given = {output.name for output in self._session.get_outputs()}
        self._outputs = [name for name in (*OUTPUTS, *LATER_OUTPUTS) if name in given]
        self.has_distribution = LATER_OUTPUTS[0] in given
        self._after_a_batch = _run_options(*AFTER_A_BATCH)

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        """Return predictions for N >= 1 crops of side S; raises BundleDamaged if the output is not valid."""
        tensor = to_tensor(crops, self._bundle.mean, self._bundle.std)
        after = self._after_a_batch if len(crops) > 1 else None
        found = self._session.run(self._outputs, {"crops": tensor}, after)
        return checked(self._bundle, dict(zip(self._outputs, found, strict=True)))


def _run_options(name: str, value: str) -> Any:
    import onnxruntime  # noqa: PLC0415 - as below

    options = onnxruntime.RunOptions()
    options.add_run_config_entry(name, value)
    return options


def _providers(device: Device) -> list[str]:
    import onnxruntime  # noqa: PLC0415 - as below

    if device == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise EngineMissing("cuda")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]


def _session(graph: Path, threads: int, providers: Sequence[str]) -> Any:
    import onnxruntime  # noqa: PLC0415 - importing it starts threads, which do not survive a fork

    options = session_options(threads)
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # noqa: BLE001, RUF100 - ONNX Runtime's errors share no base but Exception
        raise BundleDamaged("unloadable", problem=str(error)) from None
    if {"crops"} != {i.name for i in session.get_inputs()} or not set(OUTPUTS) <= {
        o.name for o in session.get_outputs()
    }:
        raise BundleDamaged("graph")
    return session


def session_options(threads: int) -> Any:
    """Return deterministic session options; the arena is kept, as every run would fragment the heap."""
    import onnxruntime  # noqa: PLC0415 - importing it starts threads, which do not survive a fork

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
