"""`python -m trainer sources`: evaluate a bundle by source, with the service's pipeline."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from trainer.datasets.held_out import SourcePart
from trainer.evaluation.by_source import Judged, averaged, source_document
from trainer.evaluation.measures.metrics import bracketed
from trainer.evaluation.scoring import judge
from trainer.options import (
    add_bundle_arguments,
    add_part_arguments,
    check_writable,
    chosen_parts,
    write_json,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_part_arguments(parser)
    add_bundle_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print and write."""
    check_writable(args.json)
    bundle = load_bundle(args.bundle)
    taken = chosen_parts(args, bundle)
    faces = [ours for _, ours in judge(bundle, taken, args.threads)]
    document = measured(bundle, args.split, taken, faces)
    print(as_text(document))
    write_json(args.json, document)
    return 0


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
            outside = f"outside its window by {bracketed(row['outside_window'], '.2f')} years on average"
            touched = row.get("window_overlap")  # only where the model has ranges
            overlap = f"; {bracketed(touched, '.0%')} of the ranges touch it" if touched else ""
            lines.append(f"{row['source']}: {outside}{overlap}")
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
