"""`python -m trainer bands`: a bundle on photos that are labelled with bands of ages, such as FairFace."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.errors import SettingsError
from trainer.datasets.corpus import cores
from trainer.evaluation import bands
from trainer.evaluation.judging import Judge
from trainer.options import BUNDLE, FOLDER


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--path", type=Path, default=FOLDER, help=f"photos and {bands.TABLE} (default: {FOLDER})"
    )
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")


def run(args: argparse.Namespace) -> int:
    """Estimate every photo as the service would, print and write."""
    if args.json and not args.json.parent.is_dir():
        raise SettingsError(f"There is no folder {args.json.parent} to write {args.json.name} into.")
    photos = bands.read_bands(args.path)
    bundle = load_bundle(args.bundle)
    (judged,) = Judge(bundle, args.threads).judge(photos, lambda photo: [photo.path.read_bytes()], "bands")
    document = {"model": bundle.version, "model_sha256": bundle.sha256, "source": args.path.name}
    document |= bands.figures(judged, photos)
    print(f"{bundle.version} on {args.path.name}; 95% bootstrap intervals\n{bands.as_text(document)}")
    print(f"the service's own choice of face: {document['parts'][0]['outcomes']}")
    if args.json:
        args.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0
