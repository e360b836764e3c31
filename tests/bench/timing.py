"""Medians and spread of a call, and the shape that figures have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Row = dict[str, float]
Figures = dict[str, Row]
"""Row to what was measured: milliseconds, shares, megabytes, each named with its unit."""
ROUNDS = 60


def timed(call: Callable[[], object], rounds: int = ROUNDS) -> Row:
    """Return p50, p95 and p99 of wall-clock time, and the median of this thread's processor time, in ms."""
    return compared({"": call}, rounds)[""]


def compared(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> Figures:
    """Time several calls in turns, so that a slower minute of the machine is every call's slower minute."""
    walls: dict[str, list[float]] = {name: [] for name in calls}
    busy: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start, used = time.perf_counter(), time.thread_time()
            call()
            busy[name].append((time.thread_time() - used) * 1e3)
            walls[name].append((time.perf_counter() - start) * 1e3)
    return {
        name: {**percentiles(walls[name]), "cpu_ms": round(float(np.median(busy[name])), 2)} for name in calls
    }


def percentiles(times_ms: Sequence[float]) -> Row:
    """Return p50, p95 and p99."""
    return {f"p{share}_ms": round(float(np.percentile(times_ms, share)), 2) for share in (50, 95, 99)}
