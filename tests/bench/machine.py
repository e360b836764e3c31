"""What was measured on: processor, load, versions, and the most that a matrix product reaches here."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.settings import cores

PACKAGES = ("annoy", "gunicorn", "numpy", "onnxruntime", "pillow", "sqlalchemy")
SIDE = 2048
"""Of the matrices: 17 GFLOP a product, far beyond any cache."""


def machine() -> dict[str, Any]:
    """Return the facts beside which figures are to be read."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 2),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "measured_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        **{name: version(name) for name in PACKAGES},
    }


def peak_gflops(rounds: int = 5) -> float:
    """Return the most GFLOP a second of float32 matrix products by this process, as NumPy is threaded."""
    left = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        left @ left
        taken.append(time.perf_counter() - start)
    return round(2 * SIDE**3 / min(taken) / 1e9, 1)


def status_mb(name: str, process: int | str = "self") -> float:
    """Return a line of /proc/PROCESS/status in MB: VmHWM is the most ever resident."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * 1024 / 1e6, 1)


def environment_mb(folder: Path | None = None) -> float:
    """Return what an environment takes on disk, in MB; without a folder, the service's, or this one's."""
    service = Path(".venv")
    root = folder or (service if service.is_dir() else Path(sys.prefix))
    return round(sum(file.lstat().st_blocks * 512 for file in root.rglob("*")) / 1e6, 1)


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
