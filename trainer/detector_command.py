"""`python -m trainer detector`: where the detector's threshold lies between faces and things like faces."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.engines.slim_detector import SlimDetector
from simsvc.errors import PhotoError, SourceEmpty
from simsvc.steps.boxes import MIN_CONFIDENCE
from simsvc.steps.decode import decode

PHOTOS = Path("../shared/data/photos")
"""labels.csv with columns file and faces: none, one, several."""
FACES = Path("../shared/data/utkface")
FACES_AT_MOST = 2000
_THRESHOLDS = np.round(np.arange(0.70, 0.935, 0.01), 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--photos", type=Path, default=PHOTOS, help=f"(default: {PHOTOS})")
    parser.add_argument("--faces", type=Path, default=FACES, help=f"folder of faces (default: {FACES})")


def run(args: argparse.Namespace) -> int:
    """Print, for each threshold, how many photos without a face pass and how many faces are missed."""
    labels = args.photos / "labels.csv"
    if not labels.is_file() or not args.faces.is_dir():
        raise SourceEmpty("The detector needs --photos (a folder with labels.csv) and --faces (a folder).")
    with labels.open(encoding="utf-8", newline="") as file:
        none = [args.photos / row["file"] for row in csv.DictReader(file) if row["faces"] == "none"]
    faces = sorted(args.faces.glob("*.jpg"))
    faces = faces[:: max(1, len(faces) // FACES_AT_MOST)]
    detector = SlimDetector()
    without, within = _best(none, detector), _best(faces, detector)
    print(f"{len(without)} photos without a face, {len(within)} faces; in use: {MIN_CONFIDENCE}")
    print(f"{'threshold':>9}{'no face, passed':>18}{'face, missed':>15}")
    for threshold in _THRESHOLDS:
        print(f"{threshold:>9.2f}{(without >= threshold).mean():>18.2%}{(within < threshold).mean():>15.2%}")
    return 0


def _best(paths: list[Path], detector: SlimDetector) -> NDArray[np.float64]:
    """Return the highest confidence in each readable photo, 0 where nothing is detected."""
    best = []
    for path in tqdm(paths, desc="detect", unit="photo"):
        try:
            photo = decode(path.read_bytes())
        except PhotoError:
            continue
        best.append(max((face.confidence for face in detector.detect(photo)), default=0.0))
    return np.array(best)
