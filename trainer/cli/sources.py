"""`python -m trainer sources`: a bundle judged source by source, through the service's own steps."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.interval import interval
from simsvc.errors import SettingsError
from trainer.cli.evaluate import Scored, calibration_of, score
from trainer.cli.export import BUNDLE
from trainer.datasets.corpus import cores
from trainer.datasets.held_out import KNOWN, SPLITS, SourcePart, known_sources, parts
from trainer.evaluation.by_source import Floats, Judged, averaged, judged, source_document
from trainer.evaluation.metrics import bracketed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_part_arguments(parser)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")


def add_part_arguments(parser: argparse.ArgumentParser, limit: int | None = None) -> None:
    """Add --source, --split and --limit."""
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME=PATH",
        help=f"a source and its folder; repeatable (default: {', '.join(KNOWN)}, where they are)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="held-out",
        help="of a source that the model learnt from: valid and test (held-out), test, or all; of others "
        "always all (default: held-out)",
    )
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        default=limit,
        help=f"at most so many faces of a source, drawn with a fixed seed (default: {limit or 'all'})",
    )


def run(args: argparse.Namespace) -> int:
    """Judge, print and write."""
    check_writable(args.json)
    bundle = load_bundle(args.bundle)
    taken = chosen_parts(args, bundle)
    faces = [ours for _, ours in judge(bundle, taken, args.threads)]
    document = measured(bundle, args.split, taken, faces)
    print(as_text(document))
    if args.json:
        args.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def check_writable(path: Path | None) -> None:
    """Refuse a file whose folder is missing.

    Raises:
        SettingsError: it is.
    """
    if path and not path.parent.is_dir():
        raise SettingsError(f"There is no folder {path.parent} to write {path.name} into; make it first.")


def chosen_parts(args: argparse.Namespace, bundle: Bundle) -> tuple[SourcePart, ...]:
    """Return the faces that the command line names.

    Raises:
        SettingsError: the limit leaves no face; see `known_sources` and `parts` for the others.
    """
    if args.limit is not None and args.limit < 1:
        raise SettingsError("--limit must be at least 1.")
    learnt = bundle.raw.get("training", {}).get("sources", [])
    return parts(known_sources(args.source), learnt, args.split, args.limit)


def judge(bundle: Bundle, taken: Sequence[SourcePart], threads: int) -> list[tuple[Scored, Judged]]:
    """Estimate every face of every part; photos that cannot be read are in neither."""
    model, detector = OnnxModel(bundle, threads), detector_of(bundle)
    scored = [score(part.rows, model, detector, threads) for part in taken]
    return [(one, judged(one.rows, one.estimates_years, _ranges(bundle, one))) for one in scored]


def _ranges(bundle: Bundle, scored: Scored) -> Floats | None:
    """Return float64 (N, 2), the ends of the 90% ranges, or None where the bundle has no calibration."""
    calibration = calibration_of(bundle)
    if calibration is None:
        return None
    return np.array([interval(float(age), calibration) for age in scored.estimates_years])


def measured(
    bundle: Bundle, split: str, taken: Sequence[SourcePart], faces: Sequence[Judged]
) -> dict[str, Any]:
    """Return all figures as plain values for JSON."""
    found = [source_document(p.name, p.split, f) for p, f in zip(taken, faces, strict=True)]
    return {
        "model": bundle.version,
        "model_sha256": bundle.sha256,
        "split": split,
        "sources": [
            {**document, "learnt_from": part.learnt} for part, (document, _) in zip(taken, found, strict=True)
        ],
        "mean": averaged([resamples for _, resamples in found]),
    }


_COLUMNS = {
    "mae": ("MAE", ".2f", 20),
    "bias": ("bias", "+.2f", 22),
    "worst_1pc": ("worst 1%", ".0f", 14),
    "coverage": ("in the range", ".0%", 18),
    "constant": ("constant", ".1f", 19),
    "ratio": ("ratio", ".2f", 20),
    "slope": ("slope", ".2f", 20),
    "women_over_men": ("women/men", ".2f", 20),
}


def as_text(document: Mapping[str, Any]) -> str:
    """Return aligned tables for people, 95% intervals in brackets."""
    lines = [
        f"{document['model']} by source; 95% bootstrap intervals over persons",
        f"{'':16}{'part':>15}{'faces':>7}{'worst':>7}"
        + "".join(f"{n:>{w}}" for n, _, w in _COLUMNS.values()),
    ]
    lines += [_line(row["source"], row) for row in document["sources"]]
    lines.append(_line("mean of sources", document["mean"]))
    for row in document["sources"]:
        if "outside_window" in row:
            lines.append(
                f"{row['source']}: outside its window by {bracketed(row['outside_window'], '.2f')} years on "
                f"average; {bracketed(row['window_overlap'], '.0%')} of the ranges touch it"
            )
    for row in document["sources"]:
        lines += ["", f"{row['source']:16}{'faces':>7}{'MAE':>22}{'bias':>24}{'in the range':>20}"]
        lines += [
            f"  {part['part']:14}{part['faces']:>7}{bracketed(part.get('mae'), '.2f'):>22}"
            f"{bracketed(part.get('bias'), '+.2f'):>24}{bracketed(part.get('coverage'), '.0%'):>20}"
            for part in (*row["decades"], *row["genders"])
        ]
    return "\n".join(lines)


def _line(name: str, row: Mapping[str, Any]) -> str:
    cells = "".join(
        f"{bracketed(row.get(key), style):>{width}}" for key, (_, style, width) in _COLUMNS.items()
    )
    worst = f"{row['worst']:.0f}" if "worst" in row else ""
    return f"{name:16}{row.get('split', ''):>15}{row.get('faces', ''):>7}{worst:>7}{cells}"
