"""`python -m trainer framing`: what the estimate costs when the detector's box is a tenth off."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import crop
from simsvc.domain.photo.decode import decode
from simsvc.errors import PhotoError, SourceEmpty
from simsvc.values import Crop, Face
from trainer.datasets.corpus import add_source_argument, parse_sources
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import merged
from trainer.datasets.pack import labelled_face
from trainer.options import add_bundle_arguments, check_writable, write_json

_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a box: its size times `scale`, its centre moved by shares of its longer side."""

    name: str
    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def of(self, face: Face) -> Face:
        """Return the face with its box changed."""
        (x, y), side = face.centre_px, face.side_px
        width, height = face.width_px * self.scale, face.height_px * self.scale
        left, top = x + self.right * side - width / 2, y + self.down * side - height / 2
        return replace(face, x_px=left, y_px=top, width_px=width, height_px=height)


CHANGES = (
    Change("as detected"),
    Change("scaled by 0.9", scale=0.9),
    Change("scaled by 1.1", scale=1.1),
    Change("10% to the left", right=-0.1),
    Change("10% to the right", right=0.1),
    Change("10% up", down=-0.1),
    Change("10% down", down=0.1),
)
"""The first changes nothing: the others are compared with it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_source_argument(parser)
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test", help="(default: test)")
    add_bundle_arguments(parser)
    parser.add_argument("--limit", type=int, help="score at most so many faces, drawn at random")


def run(args: argparse.Namespace) -> int:
    """Score every change, print and write."""
    check_writable(args.json)
    bundle = load_bundle(args.bundle)
    rows = merged(parse_sources(args.source)).of(args.split)
    if args.limit is not None and args.limit < len(rows):
        chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[: max(0, args.limit)])
        rows = tuple(rows[at] for at in chosen)
    kept, estimates = estimated(rows, OnnxModel(bundle, args.threads), args.threads)
    figures = compared(estimates, np.array([row.age_years for row in kept]))
    print(f"{bundle.version}, {args.split} part, {len(kept)} faces, the box changed before the crop")
    print(as_text(figures))
    document = {"model": bundle.version, "model_sha256": bundle.sha256, "split": args.split, **figures}
    write_json(args.json, document)
    return 0


def estimated(
    rows: Sequence[Row], model: OnnxModel, threads: int
) -> tuple[tuple[Row, ...], NDArray[np.float64]]:
    """Return the N rows that can be read and float64 (changes, N): their estimates by change.

    Raises:
        SourceEmpty: no row can be read.
    """
    detector = OnnxDetector()

    def crops(row: Row) -> list[Crop] | None:
        try:
            photo = decode(row.path.read_bytes())
        except PhotoError:
            return None
        face = labelled_face(photo, detector.detect(photo))
        return [crop(photo.rgb, change.of(face), model.input_px, model.crop_margin) for change in CHANGES]

    kept: list[Row] = []
    estimates = []
    with ThreadPoolExecutor(threads) as pool:
        for start in tqdm(range(0, len(rows), _BLOCK), desc="framing", unit="block"):
            block = rows[start : start + _BLOCK]
            made = [(row, views) for row, views in zip(block, pool.map(crops, block), strict=True) if views]
            kept += [row for row, _ in made]
            if made:
                columns = zip(*(views for _, views in made), strict=True)
                estimates.append(np.stack([model.predict(column).ages_years for column in columns]))
    if not kept:
        raise SourceEmpty("No face of this part can be read; name another with --source or --split.")
    return tuple(kept), np.concatenate(estimates, axis=1).astype(np.float64)


def compared(estimates_years: NDArray[np.float64], labels_years: NDArray[np.float64]) -> dict[str, Any]:
    """Return MAE by change, what each costs over the first, and the worst cost, all in years."""
    errors = np.abs(estimates_years - labels_years).mean(axis=1)
    moved = np.abs(estimates_years - estimates_years[0]).mean(axis=1)
    costs = [round(mae - errors[0], 4) for mae in errors.tolist()]
    changes = [
        {"change": change.name, "mae": round(mae, 4), "cost": cost, "moved": round(by, 4)}
        for change, mae, cost, by in zip(CHANGES, errors.tolist(), costs, moved.tolist(), strict=True)
    ]
    return {"faces": len(labels_years), "changes": changes, "worst_cost_years": max(costs[1:])}


def as_text(figures: dict[str, Any]) -> str:
    """Return an aligned table for people."""
    lines = [f"{'':18}{'MAE':>8}{'cost':>8}{'estimate moves by':>20}"]
    lines += [
        f"{c['change']:18}{c['mae']:>8.2f}{c['cost']:>+8.2f}{c['moved']:>20.2f}" for c in figures["changes"]
    ]
    return "\n".join([*lines, f"worst cost {figures['worst_cost_years']:+.2f} years"])
