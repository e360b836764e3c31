"""`python -m trainer same-person`: from which distance on to ask whether two photos show one person."""

from __future__ import annotations

import argparse
from pathlib import Path

from simsvc.adapters.inference.bundle import load_bundle
from trainer.datasets.formats import folder
from trainer.datasets.held_out import DATA
from trainer.evaluation import same_person
from trainer.evaluation.judging import Judge
from trainer.options import add_bundle_arguments, check_writable, write_json

FOLDER = DATA / "fgnet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    text = f"photos of several ages of each person, and labels.csv (default: {FOLDER})"
    parser.add_argument("--path", type=Path, default=FOLDER, help=text)
    text = "measure this distance (default: that of the allowed false alarms)"
    parser.add_argument("--far", type=float, help=text)
    add_bundle_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Judge every photo as the service would, choose the distance, print and write."""
    check_writable(args.json)
    rows = folder.read(args.path, args.path.name).rows
    bundle = load_bundle(args.bundle)
    judged = Judge(bundle, args.threads).judge(rows, lambda row: [row.path.read_bytes()], args.path.name)
    pairs = same_person.pairs_of(rows, judged[0].embeddings)
    found = same_person.figures(pairs, args.far or same_person.bound_for(pairs))
    print(f"{bundle.version} ({bundle.sha256}) on {args.path.name}\n{same_person.as_text(found)}")
    write_json(args.json, {"model": bundle.version, "model_sha256": bundle.sha256, **found.as_dict()})
    return 0
