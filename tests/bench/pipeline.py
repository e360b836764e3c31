"""One photo's way: every step of it, and the whole beside its bare detector and model calls."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import numpy as np

from simsvc.domain.photo.decode import decode
from simsvc.flows.estimates.estimate import EstimatePipeline, answered, estimate
from simsvc.ports import Detector
from simsvc.wiring.services import Services
from tests.bench.bare import bare_calls, looked
from tests.bench.timing import BUSY, WALL, Figures, Row, Times, compared, in_turns, summarised
from trainer.detector.slimface import SlimDetector

WORKING_SIDES_PX = (320, 480, 640)
PEER = "libfacedetection's own, 640 px"
SETTLED = 160
"""Answers before anything is timed: SQLite's write-ahead log, 4,000 pages of which a record takes some 30,
has then been folded in once and grows no more."""
BARE = ("detector", "model")
ROUNDS = 150


def figures(services: Services, data: bytes) -> Figures:
    """Return milliseconds of the answer, of detector and model alone, their ratios, and every step."""
    pipeline = services.pipeline()
    detector, model = bare_calls(pipeline, data)
    for _ in range(SETTLED):
        estimate(data, "bench.jpg", pipeline)
    taken = in_turns(
        {
            "answer, recorded": lambda: estimate(data, "bench.jpg", pipeline),
            "answer, in memory": lambda: answered(data, "bench.jpg", pipeline),
            "detector": detector,
            "model": model,
        },
        ROUNDS,
    )
    ratios = {"over detector and model": _ratios(taken)}
    return {**summarised(taken), **ratios, **_steps(pipeline, data)}


def detector_sizes(services: Services, data: bytes) -> Figures:
    """Return milliseconds of the detector in service, at single sizes, and of libfacedetection's own."""
    serving = services.pipeline().detector
    kind = cast("Any", type(serving))  # every detector takes its working size first, then the first look's
    detectors: dict[str, Detector] = {"in service": serving, PEER: SlimDetector(640)}
    for side_px in WORKING_SIDES_PX:
        detectors[f"{side_px} px"] = kind(side_px, None)
    whole = decode(data)
    calls = {name: partial(looked, detector, whole) for name, detector in detectors.items()}
    found = compared(calls, rounds=30)
    return {
        name: {**row, "of_libfacedetection": round(row["p50_ms"] / found[PEER]["p50_ms"], 2)}
        for name, row in found.items()
    }


def _ratios(taken: Times) -> Row:
    """Return the answer over its detector and model calls, by wall-clock and by processor time.

    Each is the median of the rounds' own ratios: a machine that is now fast, now slow, is so for a whole
    round, while the median of one call may be of a fast round and that of another of a slow one.
    """
    bare = sum((taken[name] for name in BARE), np.zeros(2))
    shares = {
        where: np.median(taken[f"answer, {where}"] / bare, axis=0) for where in ("recorded", "in memory")
    }
    return {
        f"{where.replace(' ', '_')}_{key}": round(float(share[column]), 2)
        for key, column in (("p50", WALL), ("cpu", BUSY))
        for where, share in shares.items()
    }


def _steps(pipeline: EstimatePipeline, data: bytes, rounds: int = 60) -> Figures:
    """Return the steps as answers tell them, and the share of the whole that they add up to."""
    told = [answered(data, "bench.jpg", pipeline).ms for _ in range(rounds)]
    medians = {name: float(np.median([ms[name] for ms in told])) for name in told[0]}
    shares = [sum(ms.values()) / ms["total"] - 1.0 for ms in told]
    steps = {f"step {name}": {"p50_ms": round(ms, 2)} for name, ms in medians.items()}
    steps["step total"]["told_share"] = round(float(np.median(shares)), 3)
    return steps
