"""Detector and model alone, in processes of their own: what the cores could do if they did nothing else."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.flows.estimates.estimate import EstimatePipeline
from simsvc.ports import Detector
from simsvc.settings import load_settings
from simsvc.values import Face, Photo
from simsvc.wiring.services import Services
from tests.bench.timing import Row

SECONDS = 4.0
Call = Callable[[], object]


def bare_calls(pipeline: EstimatePipeline, data: bytes) -> tuple[Call, Call]:
    """Return a call of the detector and one of the model, as the pipeline makes them for this photo."""
    model = pipeline.model
    seen = decode(data, first_px=model.first_decode_px)
    face = pick(pipeline.detector.detect(seen)).face
    crop = crop_of(seen, face, model.input_px, model.crop_margin)
    return lambda: looked(pipeline.detector, seen), lambda: model.predict([crop])


def looked(detector: Detector, photo: Photo) -> tuple[Face, ...]:
    """Return the faces of a photo as it comes from decoding: what a look laid out for itself is not kept."""
    size_px = photo.original_width_px, photo.original_height_px
    return detector.detect(Photo(photo.pixels, *size_px, photo.format))


def bare(photo: Path, environment: Mapping[str, str], processes: int = 1, seconds: float = SECONDS) -> Row:
    """Let processes call detector and model at once; return the median of both calls, and their rate."""
    command = (sys.executable, "-m", "tests.bench.bare", str(photo), f"--seconds={seconds}")
    pipe, both = subprocess.PIPE, {**os.environ, **environment}
    started = [
        subprocess.Popen(command, env=both, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)
    ]
    for process in started:
        assert process.stdout  # told to mypy: it is a pipe
        process.stdout.readline()  # it has warmed up
    for process in started:
        assert process.stdin
        process.stdin.write("begin\n")
        process.stdin.flush()
    rows = [json.loads(process.communicate(timeout=60.0 + seconds)[0]) for process in started]
    rate = sum(row["a_second"] for row in rows)
    return {"ms": round(float(np.mean([row["ms"] for row in rows])), 2), "a_second": round(rate, 1)}


def looped(calls: tuple[Call, Call], seconds: float) -> Row:
    """Call both for so long; return the median of both together in ms, and how often a second they ran."""
    times_ms = []
    began = time.perf_counter()
    while (start := time.perf_counter()) < began + seconds:
        for call in calls:
            call()
        times_ms.append((time.perf_counter() - start) * 1e3)
    return {"ms": float(np.median(times_ms)), "a_second": len(times_ms) / (time.perf_counter() - began)}


def main() -> int:
    """Warm up, say so, wait for a line, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    args = parser.parse_args()
    calls = bare_calls(Services(load_settings()).pipeline(), args.photo.read_bytes())
    looped(calls, 0.5)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(looped(calls, args.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
