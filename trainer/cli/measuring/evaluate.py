"""`python -m trainer evaluate`: any exported bundle on a data set, through the service's own steps."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.domain.estimate.interval import Calibration
from simsvc.errors import SourceEmpty
from trainer.datasets.corpus import DEFAULT_SOURCES
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import merged
from trainer.evaluation.measures import conformal, fairness, fairness_before
from trainer.evaluation.measures.metrics import ErrorTable, as_text, breakdown, decade, old
from trainer.evaluation.measures.ranges import calibration_of, ranges
from trainer.evaluation.scoring import Scored, score
from trainer.options import add_bundle_arguments, check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--source", default="utkface", help="reader, such as utkface or folder")
    parser.add_argument("--path", type=Path, help="its folder (default for utkface: ../shared/data/utkface)")
    parser.add_argument(
        "--split", choices=("train", "valid", "test", "all"), help="(default: test; all for a folder)"
    )
    add_bundle_arguments(parser)
    text = "an earlier bundle, or what --json wrote of it, whose figures are printed beside these"
    parser.add_argument("--before", type=Path, metavar="BUNDLE_OR_JSON", help=text)


def run(args: argparse.Namespace) -> int:
    """Score, print and write."""
    path = args.path or DEFAULT_SOURCES.get(args.source)
    if path is None or not path.is_dir():
        raise SourceEmpty(f"There is no folder {path or ''} for the source {args.source}; give --path.")
    check_writable(args.json)
    split = args.split or ("all" if args.source.startswith("folder") else "test")
    data = merged({args.source: path})
    rows = tuple(r for r, name in zip(data.rows, data.split, strict=True) if split in ("all", name))
    if not rows:
        raise SourceEmpty(f"The {split} part of {args.source} is empty.")
    bundle = load_bundle(args.bundle)
    earlier = _earlier(args.before, rows, (args.source, split), args.threads)
    scored = score(rows, bundle, args.threads)
    document = measured(bundle, (args.source, split), scored)
    faces = len(scored.rows)
    print(f"{bundle.version} on {args.source}, {split} part, {faces} faces; 95% bootstrap intervals")
    print(as_text(tabled(scored, calibration_of(bundle))))
    for kind, comparison in compared(scored).items():
        print(fairness.as_text(comparison, kind))
    print(f"the service's own choice of face: {dict(scored.outcomes)}")
    if earlier:
        print(fairness_before.as_text(earlier, document))
    if args.json:
        args.json.write_text(json.dumps(document) + "\n", encoding="utf-8")
    return 0


def _earlier(
    path: Path | None, rows: Sequence[Row], part: tuple[str, str], threads: int
) -> dict[str, Any] | None:
    """Return the earlier figures: read, or measured now where they are a bundle's."""
    if path is None or not path.is_dir():
        return fairness_before.read(path, *part) if path else None
    bundle = load_bundle(path)
    return measured(bundle, part, score(rows, bundle, threads))


def tabled(scored: Scored, calibration: Calibration | None = None) -> list[ErrorTable]:
    """Return the tables of all faces, by decade, from 80 up, by group and gender."""
    labels, inside = _labels(scored), None
    if calibration is not None:
        ends = ranges(scored.estimates_years, scored.doubts, calibration)
        inside = conformal.covered(ends, labels)
    ages: list[list[str | None]] = [[decade(age) for age in labels], [old(age) for age in labels]]
    return breakdown(scored.estimates_years - labels, [*ages, *_kinds(scored).values()], inside=inside)


def compared(scored: Scored) -> dict[str, fairness.Comparison]:
    """Return how unequal the errors are between groups and between genders."""
    labels = _labels(scored)
    errors = scored.estimates_years - labels
    return {kind: fairness.compare(errors, labels, parts) for kind, parts in _kinds(scored).items()}


def _labels(scored: Scored) -> NDArray[np.float64]:
    return np.array([row.age_years for row in scored.rows], dtype=np.float64)


def _kinds(scored: Scored) -> dict[str, list[str | None]]:
    return {
        "groups": [f"group {row.group}" if row.group else None for row in scored.rows],
        "genders": [f"gender {row.gender}" if row.gender else None for row in scored.rows],
    }


def measured(bundle: Bundle, part: tuple[str, str], scored: Scored) -> dict[str, Any]:
    """Return all figures as plain values for JSON; `part` is the source and its split."""
    return {
        "model": bundle.version,
        "model_sha256": bundle.sha256,
        "source": part[0],
        "split": part[1],
        "tables": [table.as_dict() for table in tabled(scored, calibration_of(bundle))],
        "fairness": {kind: comparison.as_dict() for kind, comparison in compared(scored).items()},
        "outcomes": dict(scored.outcomes),
    }
