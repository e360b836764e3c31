"""How ONNX Runtime computes here, the same for detector and model."""

from __future__ import annotations

from typing import Any


def session_options(threads: int) -> Any:
    """Return options of a session: the same answer each time, so many threads, no waiting in circles.

    Memory of a run is kept in an arena for the next one, else every run leaves holes in the heaps.
    """
    import onnxruntime  # noqa: PLC0415 - importing it starts threads, which a server's master would fork without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
