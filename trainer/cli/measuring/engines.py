"""`python -m trainer engines`: every engine that can serve a model, in one run: speed, errors, neighbours.

Speeds are of one thread, the engines one after another in every round, so that a slow minute meets all of
them. Errors are of the same crops of every source; an engine may cost what int8 may (`trainer quantize`).
"""

from __future__ import annotations

import argparse
import statistics
import timeit
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel, has_int8
from simsvc.adapters.inference.openvino_model import OpenVinoModel
from simsvc.errors import EngineMissing
from simsvc.ports import Model
from simsvc.values import Crop, FloatVector
from trainer.datasets.held_out import known_sources, parts
from trainer.evaluation.source_faces import Faces, faces_of
from trainer.export import quantize
from trainer.export.quantize import LEAST_OVERLAP, MOST_MAE_YEARS, QUERIES
from trainer.options import BUNDLE, add_known_source_argument, check_writable, learnt_from, write_json

BATCHES = (1, 8, 32)
ROUNDS, PASSES = 15, 3
"""Turns of each engine, of which the median counts, and passes that are timed in each."""
REFERENCE = "onnxruntime fp32"
"""What the others are held against: the graph of record by the engine that exports are proved with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_known_source_argument(parser, "; of one that the model learnt from, the test part")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--limit", type=int, default=500, help="faces of each source (default: 500)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    """Measure every engine that is installed and print the table."""
    check_writable(args.json)
    bundle = load_bundle(args.bundle)
    engines, detector = open_engines(bundle), detector_of(bundle)
    taken = parts(known_sources(args.source), learnt_from(bundle), "test", args.limit)
    faces = [faces_of(part, engines[REFERENCE], detector) for part in taken]
    counts = {source.source: len(source.crops) for source in faces}
    document = {"model": bundle.version, "model_sha256": bundle.sha256, "faces": counts}
    document |= {"engines": table(engines, faces)}
    print(as_text(document))
    write_json(args.json, document)
    return 0


def open_engines(bundle: Bundle) -> dict[str, Model]:
    """Return every way to run a bundle that this machine has, by name; one thread each."""
    found: dict[str, Model] = {REFERENCE: OnnxModel(bundle, 1, precision="fp32")}
    ways: list[Callable[[], Model]] = []
    if has_int8() and bundle.served_path != bundle.graph_path:
        ways += [lambda: OnnxModel(bundle, 1), lambda: OpenVinoModel(bundle)]
    ways += [lambda: OpenVinoModel(bundle, precision="fp32")]
    ways += [lambda: OpenVinoModel(bundle, precision="fp32", inference="bf16")]
    for way in ways:
        try:
            model = way()
        except EngineMissing as error:
            print(error.sentence)
            break
        found[model.engine] = model
    return found


def table(engines: Mapping[str, Model], faces: Sequence[Faces]) -> dict[str, Any]:
    """Return what each engine takes and what it costs, by engine."""
    many = [crop for source in faces for crop in source.crops]
    speeds = timed(engines, many[: max(BATCHES)])
    answers = {name: told(model, many) for name, model in engines.items()}
    return {name: {**speeds[name], **compared(answers[name], answers[REFERENCE], faces)} for name in engines}


def timed(engines: Mapping[str, Model], crops: Sequence[Crop]) -> dict[str, dict[str, float]]:
    """Return milliseconds a face alone, and faces a second by batches, of each engine."""
    taken: dict[tuple[str, int], list[float]] = {}
    for size in BATCHES:
        for _ in range(ROUNDS):
            for name, model in engines.items():
                model.predict(crops[:size])  # the pass after another engine's meets cold caches
                seconds = timeit.timeit(partial(model.predict, crops[:size]), number=PASSES)
                taken.setdefault((name, size), []).append(seconds / PASSES)
    each = {key: statistics.median(times) / min(key[1], len(crops)) for key, times in taken.items()}
    return {
        name: {
            "ms_a_face": round(each[name, 1] * 1e3, 2),
            **{f"faces_a_second_by_{size}": round(1 / each[name, size], 1) for size in BATCHES[1:]},
        }
        for name in engines
    }


def told(model: Model, crops: Sequence[Crop]) -> tuple[FloatVector, FloatVector]:
    """Return ages (N,) and embeddings (N, D) of crops, each asked alone, as in service."""
    found = [model.predict([crop]) for crop in tqdm(crops, desc=model.engine, unit="face")]
    embeddings = np.concatenate([one.embeddings for one in found])
    return np.concatenate([one.ages_years for one in found]), embeddings


def compared(
    answers: tuple[FloatVector, FloatVector], plain: tuple[FloatVector, FloatVector], faces: Sequence[Faces]
) -> dict[str, Any]:
    """Return an engine's deviations from the reference, by source and for single faces."""
    ages, labels = answers[0].astype(np.float64), np.concatenate([source.ages_years for source in faces])
    errors = [np.abs(made - labels) for made in (ages, plain[0].astype(np.float64))]
    ends = np.cumsum([0, *(len(source.crops) for source in faces)])
    moved = {
        source.source: round(float(errors[0][start:end].mean() - errors[1][start:end].mean()), 4)
        for source, start, end in zip(faces, ends[:-1], ends[1:], strict=True)
    }
    apart = np.abs(ages - plain[0])
    cosines = (answers[1] * plain[1]).sum(axis=1, dtype=np.float64).clip(-1, 1)
    shared = quantize.overlap(plain[1], answers[1], QUERIES)
    return {
        "mae_moved_years": moved,
        "overlap_at_10": round(shared, 4),
        "holds": max(map(abs, moved.values())) <= MOST_MAE_YEARS and shared >= LEAST_OVERLAP,
        "age_apart_years": _spread(apart.astype(np.float64)),
        "distance_apart": _spread(np.sqrt(2 * (1 - cosines))),
    }


def _spread(gaps: NDArray[np.float64]) -> dict[str, float]:
    named = {"mean": gaps.mean(), "p99": np.quantile(gaps, 0.99), "most": gaps.max()}
    return {name: round(float(value), 4) for name, value in named.items()}


def as_text(document: Mapping[str, Any]) -> str:
    """Return the table for people."""
    lines = [
        f"{document['model']}, one thread; faces: {document['faces']}",
        f"{'engine':20}{'ms a face':>10}{'by 8, /s':>10}{'by 32, /s':>10}{'overlap':>9}{'most MAE':>10}"
        f"{'apart':>8}{'p99':>7}{'most':>7}{'distance p99':>14}{'most':>7}  gates",
    ]
    for name, row in document["engines"].items():
        worst = max(row["mae_moved_years"].values(), key=abs)
        lines.append(
            f"{name:20}{row['ms_a_face']:>10.2f}{row['faces_a_second_by_8']:>10.1f}"
            f"{row['faces_a_second_by_32']:>10.1f}{row['overlap_at_10']:>9.3f}{worst:>+10.3f}"
            f"{row['age_apart_years']['mean']:>8.2f}{row['age_apart_years']['p99']:>7.2f}"
            f"{row['age_apart_years']['most']:>7.2f}{row['distance_apart']['p99']:>14.3f}"
            f"{row['distance_apart']['most']:>7.3f}  {'hold' if row['holds'] else 'BROKEN'}"
        )
    lines += ["", "mean absolute error, years more than the reference"]
    lines += [f"{name:20}{row['mae_moved_years']}" for name, row in document["engines"].items()]
    return "\n".join(lines)
