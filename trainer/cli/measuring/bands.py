"""`python -m trainer bands`: a bundle on photos that are labelled with bands of ages, such as FairFace."""

from __future__ import annotations

import argparse
from pathlib import Path

from simsvc.adapters.inference.bundle import load_bundle
from trainer.evaluation import bands
from trainer.evaluation.judging import Judge
from trainer.options import FOLDER, add_bundle_arguments, check_writable, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    text = f"photos and {bands.TABLE} (default: {FOLDER})"
    parser.add_argument("--path", type=Path, default=FOLDER, help=text)
    add_bundle_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Judge every photo as the service would, print and write."""
    check_writable(args.json)
    photos = bands.read_bands(args.path)
    bundle = load_bundle(args.bundle)
    (judged,) = Judge(bundle, args.threads).judge(photos, lambda photo: [photo.path.read_bytes()], "bands")
    document = {"model": bundle.version, "model_sha256": bundle.sha256, "source": args.path.name}
    document |= bands.figures(judged, photos)
    print(f"{bundle.version} on {args.path.name}; 95% bootstrap intervals\n{bands.as_text(document)}")
    print(f"the service's own choice of face: {document['parts'][0]['outcomes']}")
    write_json(args.json, document)
    return 0
