"""Medians and spread of a call, and the shape that figures have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Row = dict[str, float]
Figures = dict[str, Row]
"""Row to what was measured: milliseconds, shares, megabytes, each named with its unit."""
ROUNDS = 60
Times = dict[str, NDArray[np.float64]]
"""Call to milliseconds, (rounds, 2): of wall-clock and of this thread's processor time."""
WALL, BUSY = 0, 1


def timed(call: Callable[[], object], rounds: int = ROUNDS) -> Row:
    """Return p50, p95 and p99 of wall-clock time, and the median of this thread's processor time, in ms."""
    return compared({"": call}, rounds)[""]


def compared(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> Figures:
    """Time several calls in turns, so that a slower minute of the machine is every call's slower minute."""
    return summarised(in_turns(calls, rounds))


def in_turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Return what every call took in every round, after one that does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start, used = time.perf_counter(), time.thread_time()
            call()
            busy_ms = (time.thread_time() - used) * 1e3
            taken[name].append(((time.perf_counter() - start) * 1e3, busy_ms))
    return {name: np.array(times) for name, times in taken.items()}


def summarised(taken: Times) -> Figures:
    """Return p50, p95 and p99 of wall-clock time, and the median of processor time, of each call."""
    return {
        name: {**percentiles(times[:, WALL]), "cpu_ms": round(float(np.median(times[:, BUSY])), 2)}
        for name, times in taken.items()
    }


def percentiles(times_ms: Sequence[float] | NDArray[np.float64]) -> Row:
    """Return p50, p95 and p99."""
    return {f"p{share}_ms": round(float(np.percentile(times_ms, share)), 2) for share in (50, 95, 99)}
