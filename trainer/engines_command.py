"""`python -m trainer engines`: every engine that can serve a model, in one run: speed, errors, neighbours.

Speeds are of one thread, the engines one after another in every round, so that a slow minute meets all of them.
Errors are of the same crops of every source; what an engine may cost is what int8 may cost (`trainer quantize`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from simsvc.engines.bundle import Bundle, load_bundle
from simsvc.engines.onnx_detector import detector_of
from simsvc.engines.onnx_model import OnnxModel, has_int8
from simsvc.engines.openvino_model import OpenVinoModel
from simsvc.errors import EngineMissing, SettingsError
from simsvc.ports import Model
from simsvc.values import Crop, FloatVector
from trainer import quantize
from trainer.export_command import BUNDLE
from trainer.quantize_command import LEAST_OVERLAP, MOST_MAE_YEARS, QUERIES
from trainer.source_faces import Faces, chosen_sources, faces_of

BATCHES = (1, 8, 32)
ROUNDS = 15
"""Passes of each engine and batch, of which the median counts."""
REFERENCE = "onnxruntime fp32"
"""What the others are held against: the graph of record by the engine that exports are proved with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME=PATH",
        help="a data set and its folder; repeatable (default: UTKFace's test part and what ../shared/data has)",
    )
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--limit", type=int, default=500, help="faces of each source (default: 500)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    """Measure every engine that is installed and print the table."""
    if args.json and not args.json.parent.is_dir():
        raise SettingsError(f"There is no folder {args.json.parent} to write {args.json.name} into.")
    bundle = load_bundle(args.bundle)
    engines = open_engines(bundle)
    detector = detector_of(bundle)
    model = engines[REFERENCE]
    sources = chosen_sources(args.source).items()
    faces = [faces_of(source, "test", model, detector, args.limit) for source in sources]
    document = {"model": bundle.version, "model_sha256": bundle.sha256, "faces": _counts(faces)}
    document |= {"engines": table(engines, faces)}
    print(as_text(document))
    if args.json:
        args.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
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
    for _ in range(ROUNDS + 1):
        for name, model in engines.items():
            for size in BATCHES:
                start = time.perf_counter()
                model.predict(crops[:size])
                taken.setdefault((name, size), []).append(time.perf_counter() - start)
    seconds = {key: statistics.median(times[1:]) / min(key[1], len(crops)) for key, times in taken.items()}
    return {
        name: {
            "ms_a_face": round(seconds[name, 1] * 1e3, 2),
            **{f"faces_a_second_by_{size}": round(1 / seconds[name, size], 1) for size in BATCHES[1:]},
        }
        for name in engines
    }


def told(model: Model, crops: Sequence[Crop]) -> tuple[FloatVector, FloatVector]:
    """Return ages (N,) and embeddings (N, D) of crops, each asked alone, as in service."""
    found = [model.predict([crop]) for crop in tqdm(crops, desc=model.engine, unit="face")]
    return np.concatenate([one.ages_years for one in found]), np.concatenate(
        [one.embeddings for one in found]
    )


def compared(
    answers: tuple[FloatVector, FloatVector], plain: tuple[FloatVector, FloatVector], faces: Sequence[Faces]
) -> dict[str, Any]:
    """Return what an engine's answers cost beside the reference's: by source, and of single faces."""
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
        "age_apart_years": {"mean": round(float(apart.mean()), 4), "most": round(float(apart.max()), 3)},
        "distance_apart": {
            "p99": round(float(np.sqrt(2 * (1 - np.quantile(cosines, 0.01)))), 4),
            "most": round(float(np.sqrt(2 * (1 - cosines.min()))), 4),
        },
    }


def as_text(document: Mapping[str, Any]) -> str:
    """Return the table for people."""
    lines = [
        f"{document['model']}, one thread; faces: {document['faces']}",
        f"{'engine':20}{'ms a face':>10}{'by 8, /s':>10}{'by 32, /s':>10}{'overlap':>9}{'most MAE':>10}"
        f"{'mean apart':>12}{'most apart':>12}{'distance':>10}  gates",
    ]
    for name, row in document["engines"].items():
        worst = max(row["mae_moved_years"].values(), key=abs)
        lines.append(
            f"{name:20}{row['ms_a_face']:>10.2f}{row['faces_a_second_by_8']:>10.1f}"
            f"{row['faces_a_second_by_32']:>10.1f}{row['overlap_at_10']:>9.3f}{worst:>+10.3f}"
            f"{row['age_apart_years']['mean']:>12.3f}{row['age_apart_years']['most']:>12.2f}"
            f"{row['distance_apart']['most']:>10.3f}  {'hold' if row['holds'] else 'BROKEN'}"
        )
    lines += ["", "mean absolute error, years more than the reference"]
    lines += [f"{name:20}{row['mae_moved_years']}" for name, row in document["engines"].items()]
    return "\n".join(lines)


def _counts(faces: Sequence[Faces]) -> dict[str, int]:
    return {source.source: len(source.crops) for source in faces}
