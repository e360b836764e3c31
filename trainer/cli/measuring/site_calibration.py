"""`python -m trainer site-calibration`: the effect of a gallery of a set's own faces on its other faces."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.calibration.fit import ReferenceFaces
from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import SettingsError, SourceEmpty
from simsvc.values import Crop
from trainer.datasets.corpus import add_source_argument, parse_sources
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData, merged
from trainer.datasets.pack import labelled_face
from trainer.evaluation.measures.ranges import calibration_of, doubt_of, doubts, ranges
from trainer.evaluation.site_calibration import Draw, draw, half, some, summary
from trainer.options import add_bundle_arguments, check_writable, learnt_from, write_json

DRAWS = 16
SIZES = (100, 300)  # gallery sizes drawn from a large set: what a site can label in a day, and in a week
SMALL = 1_000  # up to so many faces a set is halved by person; of a larger one galleries of `SIZES` are drawn
BATCH = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_source_argument(parser)
    parser.add_argument(
        "--split",
        choices=("valid", "test", "all"),
        help="part of each source that the model has not learned (default: test of utkface, valid and "
        "test of others that it learned from, all of the rest)",
    )
    add_bundle_arguments(parser)
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"divisions of each set (default: {DRAWS})")
    parser.add_argument(
        "--faces", type=int, nargs="+", metavar="N", help="size of the galleries (default: half, or 100 300)"
    )


def run(args: argparse.Namespace) -> int:
    """Score every source, divide it, print and write."""
    check_writable(args.json)
    if args.draws < 1 or min(args.faces or [1]) < 1:
        raise SettingsError("Give --draws and --faces numbers from 1 up.")
    bundle = load_bundle(args.bundle)
    table = []
    print(f"{bundle.version}: without and with a site calibration; error and bias in years")
    print(f"{'source':18}{'gallery':>8}{'judged':>8}{'MAE':>14}{'bias':>14}{'in range':>16}  worst  chosen")
    for source, path in parse_sources(args.source).items():
        data = merged({source: path})
        wanted = _wanted(data, source, args.split, learnt=source in learnt_from(bundle))
        faces, own = predicted(data, wanted, bundle, args.threads)
        for size, draws in _draws(faces, args.faces, args.draws, own, bundle.sha256):
            table.append({"source": source, "gallery": size or "half", **summary(draws)})
            print(as_text(table[-1]), flush=True)
    write_json(args.json, {"model": bundle.version, "model_sha256": bundle.sha256, "rows": table})
    return 0


def _wanted(data: MergedData, source: str, split: str | None, *, learnt: bool) -> list[int]:
    """Return the positions of the rows that are used: none that the model learned from, unless asked for."""
    default = {"test"} if source == "utkface" else {"valid", "test"} if learnt else {"train", "valid", "test"}
    splits = default if split is None else {"train", "valid", "test"} if split == "all" else {split}
    wanted = [at for at, name in enumerate(data.split) if name in splits]
    if not wanted:
        raise SourceEmpty(f"The {' and '.join(sorted(splits))} part of {source} is empty.")
    return wanted


def predicted(
    data: MergedData, wanted: Sequence[int], bundle: Bundle, threads: int
) -> tuple[ReferenceFaces, NDArray[np.float64] | None]:
    """Return faces of a set as a build of the service would see them, and the model's own ranges of them."""
    model, detector = OnnxModel(bundle, threads), detector_of(bundle)
    measure, own = doubt_of(bundle), calibration_of(bundle)

    def prepare(row: Row) -> Crop:
        photo = decode(row.path.read_bytes(), first_px=model.first_decode_px, reading=model.reading)
        right = looked_at(photo, detector.detect, model.reading)
        face = labelled_face(right.photo, right.faces)
        return crop_of(right.photo, face, model.input_px, model.crop_margin)

    rows = [data.rows[at] for at in wanted]
    estimates, embeddings, scores = [], [], []
    with ThreadPoolExecutor(threads) as pool:
        for start in tqdm(range(0, len(rows), BATCH), desc=rows[0].source, unit="batch"):
            said = model.predict(list(pool.map(prepare, rows[start : start + BATCH])))
            estimates.append(said.ages_years.astype(np.float64))
            embeddings.append(said.embeddings)
            scores.append(doubts(said, measure))
    ages, persons = np.array([row.age_years for row in rows]), data.groups[list(wanted)]
    faces = ReferenceFaces(ages, np.concatenate(estimates), persons, np.concatenate(embeddings))
    return faces, ranges(faces.estimates_years, np.concatenate(scores), own) if own else None


def _draws(
    faces: ReferenceFaces,
    sizes: Sequence[int] | None,
    draws: int,
    own: NDArray[np.float64] | None,
    sha256: str,
) -> Iterator[tuple[int | None, list[Draw]]]:
    """Yield the size of the galleries, None for a half, and what came of each division."""
    wanted: Sequence[int | None] = sizes or ([None] if len(faces) <= SMALL else SIZES)
    for size in wanted:
        if size is not None and size >= len(faces):
            raise SettingsError(f"A gallery of {size} faces leaves none of the {len(faces)} to judge.")
        chosen = (
            half(faces.persons, seed) if size is None else some(len(faces), size, seed)
            for seed in range(draws)
        )
        yield size, [draw(faces, fitted, own, sha256) for fitted in chosen]


def as_text(row: dict[str, Any]) -> str:
    """Return a line of the table: figures without the calibration, and with it."""
    before, after = row["without"], row["with"]
    held = "/".join("-" if part["held"] is None else f"{part['held']:.1%}" for part in (before, after))
    chosen = ", ".join(f"{method} {count}" for method, count in row["methods"].items())
    return (
        f"{row['source']:18}{row['fitted']:>8.0f}{row['judged']:>8.0f}"
        f"{before['mae_years']:>7.2f}/{after['mae_years']:<6.2f}"
        f"{before['bias_years']:>+7.2f}/{after['bias_years']:<+6.2f}{held:>16}"
        f"  {-row['least_gain_years']:>+5.2f}  {chosen}"
    )
