"""`python -m trainer demo-gallery`: the composite faces that ship with the service.

The data set's terms forbid passing its photos on, and they show real people. So each gallery face is the
average of six different people of one gender, group and age, alike in pose and aligned by landmarks: a
plausible face that is nobody's. One whose label the shipped model's range does not hold is left out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.photo import quality
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.errors import SourceEmpty
from simsvc.values import Photo, RgbImage
from trainer.datasets.corpus import Corpus, add_source_argument, open_corpus, parse_sources
from trainer.gallery import align, sets
from trainer.gallery.reading import Reader
from trainer.models import identity
from trainer.options import BUNDLE

GALLERY = Path("simsvc/bundle/gallery")
LETTERED = Path(__file__).parents[1] / "gallery" / "lettered.txt"
"""Photos with lettering or a stock agency's watermark, which no composite may show: the first 12 hex digits
of the sha256 of their references. Every member of the shipped composites was looked at by eye."""
MIN_CONFIDENCE = 0.9
"""Of the detector: profiles and half-hidden faces lie below (0.4% of the aligned data set)."""
MIN_SHARPNESS = 25.0
"""Variance of the Laplacian of the photo. With `MIN_COLOUR` it leaves 9,978 of 17,066 training faces: chosen
by looking at the composites, which turn soft with blurred members."""
MIN_AGREEMENT = 0.62
"""Mean correlation of the members with their composite: below it mouths and glasses are seen double."""
MIN_COLOUR = 9.0
"""Mean difference of the largest and smallest channel: grey photos would wash the colours out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_source_argument(parser)
    parser.add_argument("--out", type=Path, default=GALLERY, help=f"folder (default: {GALLERY})")
    parser.add_argument(
        "--count", type=int, default=1000, help="composites, shared out over decades of age (default: 1000)"
    )
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"model to check by (default: {BUNDLE})")
    text = "only check the gallery in --out, and drop composites that the model reads otherwise"
    parser.add_argument("--check", action="store_true", help=text)


def run(args: argparse.Namespace) -> int:
    """Build the gallery, or check it; equal data and model give equal files."""
    if args.check:
        reader = Reader(args.bundle)
        kept, dropped = check(args.out, reader)
        names = ", ".join(dropped) or "none"
        print(f"{kept} composites kept in {args.out}; dropped by {reader.version}: {names}")
        return 0
    sources, reader = parse_sources(args.source), Reader(args.bundle)
    corpus = open_corpus(sources)
    landmarks, likeness, usable = measured(corpus)
    maker, data = _Maker(corpus, landmarks, reader), corpus.data
    chosen = sets.choose(data.rows, data.groups, likeness, usable, args.count, maker.made)
    chosen.sort(key=lambda s: (s.age_years, s.gender, s.group, s.members))
    digests = [[_digest(data.rows[m].reference) for m in s.members] for s in chosen]
    _write(args.out, [(s, maker.files[s], of) for s, of in zip(chosen, digests, strict=True)], reader)
    left_out = ", ".join(f"{count} {why}" for why, count in sorted(maker.left_out.items())) or "none"
    print(f"{len(chosen)} composites of {sets.MEMBERS} people each in {args.out}; left out: {left_out}")
    return 0


def _photo(corpus: Corpus, index: int) -> Photo:
    return decode(corpus.data.rows[index].path.read_bytes())


def measured(corpus: Corpus) -> tuple[NDArray[np.float64], sets.Likeness, NDArray[np.bool_]]:
    """Return landmarks (N, 5, 2) in the photos, likeness, and which faces may be members, bool (N,).

    Only the training part is looked at: the gallery must not contain what the model is tested on.
    """
    detector, network = OnnxDetector(), identity.Identity()
    lettered = frozenset(LETTERED.read_text(encoding="ascii").split())
    count = len(corpus.data.rows)
    landmarks = np.zeros((count, 5, 2))
    shapes = np.zeros((count, 5, 2), dtype=np.float32)
    looks = np.zeros((count, align.LOOKS_PX**2), dtype=np.float32)
    identities = np.zeros((count, identity.DIMS), dtype=np.float32)
    usable = np.zeros(count, dtype=bool)
    for index in tqdm(corpus.positions("train").tolist(), desc="landmarks", unit="face"):
        photo = _photo(corpus, index)
        if _digest(corpus.data.rows[index].reference) in lettered or not _clear(photo.rgb):
            continue
        face = pick_labelled(detector.detect(photo), photo.width_px, photo.height_px)
        if face is None or face.confidence < MIN_CONFIDENCE or not face.landmarks_px:
            continue
        usable[index] = True
        landmarks[index] = face.landmarks_px
        shapes[index] = align.canonical(landmarks[index])
        looks[index] = align.looks(photo.rgb, landmarks[index])
        chip = identity.chip(photo.rgb, landmarks[index])
        identities[index] = identity.embeddings(network, chip[None])[0]
    return landmarks, sets.Likeness(shapes, looks, identities), usable


def sharpness(rgb: RgbImage) -> float:
    """Return the sharpness of the grey image, as the service measures it of a crop."""
    return quality.sharpness(rgb.astype(np.float32).mean(axis=2))


def _clear(rgb: RgbImage) -> bool:
    colour = (rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)).mean()
    return bool(colour >= MIN_COLOUR) and sharpness(rgb) >= MIN_SHARPNESS


@dataclass(frozen=True, slots=True, eq=False)
class _Maker:
    """Makes composites, keeps those that will do, and counts the others by what is wrong with them."""

    corpus: Corpus
    landmarks: NDArray[np.float64]
    reader: Reader
    files: dict[sets.MemberSet, bytes] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def made(self, member_set: sets.MemberSet) -> bool:
        """Make the composite; tell whether it is clear and read as its label says."""
        faces = [_photo(self.corpus, m).rgb for m in member_set.members]
        mean, agreement = align.composite(faces, [self.landmarks[m] for m in member_set.members])
        if agreement < MIN_AGREEMENT:
            self.left_out["too blurred"] += 1
            return False
        content = _jpeg(mean)
        reading = self.reader.read(content)
        if reading is None or not reading.holds(member_set.age_years):
            self.left_out["read otherwise than labelled"] += 1
            return False
        self.files[member_set] = content
        return True


def _write(folder: Path, made: Sequence[tuple[sets.MemberSet, bytes, list[str]]], reader: Reader) -> None:
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    table = [("file", "age", "gender", "group", "people")]
    members: dict[str, list[str]] = {}
    for number, (member_set, content, digests) in enumerate(made, 1):
        name = f"composite_{number:04d}.jpg"
        (part / name).write_bytes(content)
        label = f"{round(member_set.age_years, 2):g}", member_set.gender, member_set.group
        table.append((name, *label, str(len(digests))))
        members[name] = digests
    with (part / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    _write_manifest(part, members, reader)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def check(folder: Path, reader: Reader) -> tuple[int, list[str]]:
    """Drop composites of a gallery whose labels the model's ranges do not hold; the rest keep their names.

    Returned are how many are kept, and the names of the others.

    Raises:
        SourceEmpty: the folder holds no gallery.
    """
    try:
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        members = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["members_sha256_12"]
        columns = list(rows[0])
    except (OSError, ValueError, KeyError, IndexError):
        raise SourceEmpty(f"{folder} holds no demo gallery. Make one without --check.") from None
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    kept: list[dict[str, str]] = []
    for row in tqdm(rows, desc="check", unit="face"):
        content = (folder / row["file"]).read_bytes()
        reading = reader.read(content)
        if reading is not None and reading.holds(float(row["age"])):
            (part / row["file"]).write_bytes(content)
            kept.append(row)
    with (part / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    names = [row["file"] for row in kept]
    _write_manifest(part, {name: members[name] for name in names}, reader)
    shutil.rmtree(folder)
    part.rename(folder)
    return len(kept), [row["file"] for row in rows if row["file"] not in names]


def _write_manifest(folder: Path, members: dict[str, list[str]], reader: Reader) -> None:
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    content = {
        "what": "composites: each the average of several different people of one gender, group and age",
        "people_each": sets.MEMBERS,
        "uses_at_most": sets.MAX_USES,
        "made_by": "python -m trainer demo-gallery",
        "checked_by": {"model": reader.version, "model_sha256": reader.sha256},
        "files_sha256": files,
        "members_sha256_12": members,
    }
    (folder / "manifest.json").write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")


def _digest(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()[:12]


def _jpeg(rgb: RgbImage) -> bytes:
    # averaging softens: a mild unsharp mask restores the members' contrast of edges
    sharp = Image.fromarray(rgb).filter(ImageFilter.UnsharpMask(radius=1.5, percent=70, threshold=0))
    buffer = io.BytesIO()
    sharp.save(buffer, "JPEG", quality=90, optimize=True)
    return buffer.getvalue()
