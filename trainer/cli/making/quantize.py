"""`python -m trainer quantize`: quantize a bundle's graph to int8 and measure it.

Its front is computed by `trainer.export.fold_stem` where that is proved to give the very same answers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import timeit
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import DOCUMENT, INT8_GRAPH, Bundle, load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.ops.atomic_files import fingerprint, replace_bytes, replace_text
from simsvc.domain.gallery.nearest import spread
from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.errors import SourceEmpty
from simsvc.values import Crop, FloatVector
from trainer.datasets.corpus import Corpus, add_source_argument, cores, open_corpus, parse_sources
from trainer.export import fold_stem, quantize
from trainer.export.quantize import LEAST_OVERLAP, MOST_MAE_YEARS, QUERIES
from trainer.export.served import packed_crops
from trainer.options import BUNDLE

CALIBRATION_FACES = 256
"""Training crops that fix the ranges of activations: ONNX Runtime's examples take some hundred."""
ENDS = (0, 1, 3)  # how many convolutions stay fp32 at either end: tried in this order until the bounds hold
TIMED = 40
_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one graph says of N faces: ages in years (N,), embeddings (N, D), milliseconds for one face."""

    ages_years: FloatVector
    embeddings: FloatVector
    ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_source_argument(parser)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument(
        "--faces", type=int, default=0, help="measure on so many faces of the validation part (default: all)"
    )
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")


def run(args: argparse.Namespace) -> int:
    """Quantise, measure against fp32, and put graph and figures into the bundle."""
    bundle = load_bundle(args.bundle)
    corpus = open_corpus(parse_sources(args.source))
    view = bundle.margin / CROP_MARGIN
    valid, labels = faces_of(corpus, "valid", args.faces, bundle.size_px, view)
    train, _ = faces_of(corpus, "train", CALIBRATION_FACES, bundle.size_px, view)
    plain = answers(OnnxModel(bundle, args.threads, precision="fp32"), valid)
    tried: list[dict[str, Any]] = []
    draft = args.bundle.with_name(f"{INT8_GRAPH}.part")
    try:
        for ends in ENDS:
            quantize.write_int8(bundle.graph_path, draft, train, bundle.mean, bundle.std, ends)
            fold(bundle, draft, train, args.threads)
            small = answers(OnnxModel(bundle, args.threads, graph=draft), valid)
            tried.append({"ends": ends, **compared(plain, small, labels)})
            print(line(tried[-1]))
            if tried[-1]["holds"]:
                break
        write(bundle, draft, {**tried[-1], "calibration_faces": len(train)})
    finally:
        draft.unlink(missing_ok=True)
    return 0


def faces_of(
    corpus: Corpus, split: str, most: int, size_px: int, view: float = 1.0
) -> tuple[list[Crop], NDArray[np.float32]]:
    """Return crops and ages of a part's faces, spread evenly where there are more than `most` (0: all).

    Raises:
        SourceEmpty: there is none.
    """
    positions = corpus.positions(split)
    if not len(positions):
        raise SourceEmpty(f"The {split} part is empty: add faces, or name other data with --source.")
    if most and most < len(positions):
        positions = positions[spread(len(positions), most)]
    return packed_crops(corpus, positions, size_px, view), corpus.ages_years[positions]


def fold(bundle: Bundle, draft: Path, crops: Sequence[Crop], threads: int) -> bool:
    """Fold a graph's front where it can be and no answer changes by a bit; say so, and return whether it was.

    Where answers do change, which the sums before the first integer may on another processor, the graph stays
    as it was quantised: that is right, too, and only slower.
    """
    plain = onnx.load(draft)
    made = fold_stem.folded(plain)
    if made is plain:
        return False
    part = draft.with_name(f"{draft.name}.folded")
    try:
        onnx.save(made, part)
        first, second = (OnnxModel(bundle, threads, graph=path) for path in (draft, part))
        same = answer_alike(first, second, crops)
        if same:
            part.replace(draft)
    finally:
        part.unlink(missing_ok=True)
    told = "is folded: no answer changes" if same else "stays as it was quantised: folded, answers change"
    print(f"The graph's front {told}, compared bit for bit on {len(crops)} faces.")
    return same


def answer_alike(first: OnnxModel, second: OnnxModel, crops: Sequence[Crop]) -> bool:
    """Say whether two models give the same ages and embeddings, bit for bit, in batches and of one face."""
    batches = [crops[start : start + _BATCH] for start in range(0, len(crops), _BATCH)]
    pairs = [(first.predict(batch), second.predict(batch)) for batch in (crops[:1], *batches)]
    return all(
        np.array_equal(one.ages_years, other.ages_years) and np.array_equal(one.embeddings, other.embeddings)
        for one, other in pairs
    )


def answers(model: OnnxModel, crops: Sequence[Crop]) -> Answers:
    """Ask a model about every crop, then time it on one."""
    starts = tqdm(range(0, len(crops), _BATCH), desc="estimate", unit="batch")
    told = [model.predict(crops[start : start + _BATCH]) for start in starts]
    seconds = timeit.repeat(lambda: model.predict(crops[:1]), number=1, repeat=TIMED)
    ages = np.concatenate([one.ages_years for one in told])
    return Answers(ages, np.concatenate([one.embeddings for one in told]), statistics.median(seconds) * 1000)


def compared(plain: Answers, small: Answers, labels_years: NDArray[np.float32]) -> dict[str, Any]:
    """Return what int8 costs and saves, and whether it keeps to the bounds."""
    before, after = (float(np.abs(one.ages_years - labels_years).mean()) for one in (plain, small))
    shared = quantize.overlap(plain.embeddings, small.embeddings, QUERIES)
    return {
        "split": "valid, packed crops",
        "faces": len(labels_years),
        "fp32_mae_years": round(before, 4),
        "int8_mae_years": round(after, 4),
        "overlap_at_10": round(shared, 4),
        "fp32_ms": round(plain.ms, 2),
        "int8_ms": round(small.ms, 2),
        "holds": abs(after - before) <= MOST_MAE_YEARS and shared >= LEAST_OVERLAP,
    }


def line(figures: dict[str, Any]) -> str:
    """Return the figures as a line of text."""
    return (
        f"{figures['ends']} convolutions fp32 at either end: "
        f"mean absolute error {figures['fp32_mae_years']:.3f} -> {figures['int8_mae_years']:.3f} years, "
        f"{figures['overlap_at_10']:.1%} of the ten nearest stay, "
        f"{figures['fp32_ms']:.1f} -> {figures['int8_ms']:.1f} ms a face: "
        f"{'within' if figures['holds'] else 'beyond'} the bounds"
    )


def write(bundle: Bundle, draft: Path, figures: dict[str, Any]) -> None:
    """Add the graph to the bundle if it is within the bounds, else only print the measurements."""
    raw = json.loads((bundle.folder / DOCUMENT).read_text(encoding="utf-8"))
    raw["files"].pop(INT8_GRAPH, None)
    target = bundle.folder / INT8_GRAPH
    if figures["holds"]:
        replace_bytes(target, draft.read_bytes())
        stated = fingerprint(target)
        raw["files"][INT8_GRAPH] = {"sha256": stated.sha256, "bytes": stated.bytes}
    raw["int8"] = {"model_sha256": bundle.sha256, **figures}
    replace_text(bundle.folder / DOCUMENT, json.dumps(raw, indent=1) + "\n")
    if not figures["holds"]:
        target.unlink(missing_ok=True)
    print(f"{bundle.version}: {'int8 is in service' if figures['holds'] else 'fp32 stays in service'}")
