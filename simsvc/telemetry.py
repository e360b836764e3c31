"""Nothing leaves the machine: libraries that report to their makers are switched off before they are loaded.

`simsvc/__init__.py` calls `switch_off`, and so do `trainer` and `tests` by importing simsvc first. Python
runs that file before any module of these packages, so no process can load such a library earlier.
"""

from __future__ import annotations

import os
import sys
from typing import Final

SWITCHES: Final = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
"""Environment variables, read when the library is loaded, and inherited by every process started from here.

Without the first, ONNX Runtime from 1.29 on writes a device id and a queue under ~/.cache/Microsoft and sends
events to its maker. timm brings huggingface_hub, which would fetch weights and report what was fetched.
Sources: onnxruntime/Privacy.md, "Disabling Telemetry"; huggingface_hub's reference, "Environment variables";
https://donottrack.sh.
"""

WITHOUT_A_SWITCH: Final = ("openvino_telemetry",)
"""Packages that only report, and offer no switch but a file in the home folder or CI=true.

OpenVINO sends an event when it is imported, and works without this package. Source: telemetry_utils.py in
openvino/tools/ovc, which falls back to a stub.
"""


def switch_off() -> None:
    """Switch every known report off, whatever the environment says."""
    os.environ.update(SWITCHES)
    for package in WITHOUT_A_SWITCH:
        sys.modules[package] = None  # type: ignore[assignment]  # Python's own way: importing it now fails
