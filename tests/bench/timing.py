"""Medians and spread of a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

Figures = dict[str, dict[str, float]]
ROUNDS = 40


def timed(call: Callable[[], object], rounds: int = ROUNDS) -> dict[str, float]:
    """Return p50 and p95 of wall-clock time, and the median of this thread's processor time, in ms."""
    call()
    walls, busy = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.thread_time()
        call()
        busy.append((time.thread_time() - used) * 1e3)
        walls.append((time.perf_counter() - start) * 1e3)
    return {**percentiles(walls), "cpu_ms": round(float(np.median(busy)), 2)}


def percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99."""
    return {f"p{share}_ms": round(float(np.percentile(times_ms, share)), 2) for share in (50, 95, 99)}
