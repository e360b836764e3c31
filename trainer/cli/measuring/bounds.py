"""`python -m trainer bounds`: how estimates move when photos are blurred, badly lit, small, cut or turned.

No label is needed: each copy is held against the whole, upright photo that it was made of. The bounds that
`trainer.withholding.rules.MANY_SOURCES` states were read off its tables, and the last one shows what they do.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.rules import Rules, parse_rules
from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.quality import LIMITS, measure
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import FaceError, PhotoError, SourceEmpty
from simsvc.ports import Detector, Model
from simsvc.values import Photo, Quality
from trainer.datasets.copies import copies
from trainer.datasets.corpus import cores
from trainer.evaluation.bands import BandedPhoto, outside_years, read_bands
from trainer.evaluation.judging import drawn
from trainer.options import BUNDLE, FOLDER, write_json

DATA = Path("../shared/data")
YAW_EDGES = (0, 0.1, 0.25, 0.5, 0.75, np.inf)
"""Bins of how far a head is turned aside, on photos labelled with bands: no copy can be turned so."""
FOLDERS = ("portraits", "us_congress", "bundestag", "uk_parliament", "fgnet", "utkface")
FAR_YEARS = 10.0  # an estimate that moves by more than a decade misleads whoever reads it
MEASURES: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "sharpness": (("blur",), (0, 1, 2, 3, 4, 5, 6, 8, 12, 20, np.inf)),
    "luminance": (("dark", "bright"), (0, 10, 15, 20, 30, 60, 180, 190, 200, 210, 220, 230, 256)),
    "dark_share": (("dark",), (0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.01)),
    "bright_share": (("bright",), (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.01)),
    "face_px": (("small",), (48, 52, 56, 60, 70, 80, 100, np.inf)),
    "crop_outside": (("cut",), (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 1.01)),
    "box_outside": (("cut",), (0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 1.01)),
    "roll_deg": (("tilted", "turned"), (0, 3, 6, 8, 10, 12, 14, 17, 20, np.inf)),
    "border_gap": (("cut",), (-np.inf, 0, 0.05, 0.1, 0.14, 0.18, 0.22, 0.26, 0.3, np.inf)),
}
"""Measure to the kinds of copies that it should notice, and to the bins of its table."""
EITHER_SIDE = ("roll_deg", "yaw")  # measures whose sign does not matter


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service makes of one photo; age and quality are None where it was refused."""

    age_years: float | None = None
    quality: Quality | None = None
    referred: bool = False  # whether the bounds send it to a person
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A copy and its original; `kind` is "" for the photo itself."""

    folder: str
    kind: str
    name: str
    whole: Seen
    copy: Seen

    @property
    def moved_years(self) -> float | None:
        """Difference between the estimates of copy and photo, or None if either was refused."""
        if self.copy.age_years is None or self.whole.age_years is None:
            return None
        return abs(self.copy.age_years - self.whole.age_years)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder of folders (default: {DATA})")
    parser.add_argument("--folder", action="append", help=f"one of them (default: {', '.join(FOLDERS)})")
    parser.add_argument("--bands", type=Path, default=FOLDER, help=f"labelled with bands (default: {FOLDER})")
    parser.add_argument("--limit", type=int, default=40, help="photos of each folder (default: 40)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables there too")


def run(args: argparse.Namespace) -> int:
    """Estimate photos and their copies, and print the measures."""
    bundle = load_bundle(args.bundle)
    judge = _Judge(detector_of(bundle), OnnxModel(bundle, 1), parse_rules(bundle.raw, bundle.sha256))
    work = [
        (folder, path)
        for folder in args.folder or FOLDERS
        for path in _photos(args.data / folder, args.limit)
    ]
    if not work:
        raise SourceEmpty(f"There is no photo in {args.data}. Name another folder with --data.")
    with ThreadPoolExecutor(args.threads) as pool:
        found = list(
            tqdm(pool.map(lambda item: judge.pairs(*item), work), total=len(work), desc="judge", unit="photo")
        )
    document = tables([pair for pairs in found for pair in pairs])
    document["turned_aside"] = judge.turned_aside(read_bands(args.bands)) if args.bands.is_dir() else []
    print(as_text(document))
    write_json(args.json, {"model": bundle.version, **document})
    return 0


def _photos(folder: Path, limit: int) -> list[Path]:
    files = sorted(path for path in folder.glob("*.jpg") if not path.name.startswith("."))
    return [files[at] for at in drawn(np.arange(len(files)), limit).tolist()]


@dataclass(frozen=True, slots=True)
class _Judge:
    detector: Detector
    model: Model
    rules: Rules

    def pairs(self, folder: str, path: Path) -> list[Pair]:
        try:
            photo = decode(path.read_bytes())
            face = pick(self.detector.detect(photo)).face
        except (PhotoError, FaceError):
            return [Pair(folder, "", "whole", Seen(), Seen())]
        whole = self.seen(photo)
        made = [Pair(folder, "", "whole", whole, whole)]
        for copy in copies(photo, face, zlib.crc32(path.name.encode())):
            height, width = copy.photo.shape[:2]
            seen = self.seen(Photo(copy.photo, width, height, "BMP"))
            made.append(Pair(folder, copy.kind, copy.name, whole, seen))
        return made

    def turned_aside(self, photos: Sequence[BandedPhoto]) -> list[dict[str, Any]]:
        """Return how far estimates lie outside their bands, by how far the head is turned aside."""
        seen = [self._banded(photo) for photo in tqdm(photos, desc="bands", unit="photo")]
        ages = np.array([np.nan if one.age_years is None else one.age_years for one in seen])
        outside, yaws = outside_years(ages, photos), np.array([_value(one, "yaw") for one in seen])
        rows = []
        for low, high in pairwise(YAW_EDGES):
            mine = outside[(yaws >= low) & (yaws < high)]
            years = round(float(mine.mean()), 2) if len(mine) else None
            rows.append({"from": low, "to": high, "photos": len(mine), "outside_years": years})
        return rows

    def _banded(self, photo: BandedPhoto) -> Seen:
        try:
            return self.seen(decode(photo.path.read_bytes()))
        except PhotoError:
            return Seen()

    def seen(self, photo: Photo) -> Seen:
        right = looked_at(photo, self.detector.detect, self.model.reading)
        try:
            face = pick(right.faces).face
        except FaceError:
            return Seen()
        margin = self.model.crop_margin
        age = self.model.predict([crop_of(right.photo, face, self.model.input_px, margin)]).ages_years[0]
        quality = measure(right.photo, face, margin, self.rules.quality_px)
        severe = self.rules.severe_flags(quality, None)
        return Seen(float(age), quality, bool(severe), severe)


def tables(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return what the pairs tell: whole photos by folder, each measure's bins, and copies by change."""
    return {
        "whole": _whole(pairs),
        "measures": {name: _bins(pairs, name) for name in MEASURES},
        "changes": [
            {"change": f"{kind}: {name}", **_outcome([p for p in pairs if (p.kind, p.name) == (kind, name)])}
            for kind, name in dict.fromkeys((pair.kind, pair.name) for pair in pairs if pair.kind)
        ],
    }


def _whole(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    rows = []
    for folder in dict.fromkeys(pair.folder for pair in pairs):
        mine = [pair.whole for pair in pairs if pair.folder == folder and not pair.kind]
        estimated = [seen for seen in mine if seen.age_years is not None]
        flags = dict(Counter(flag for seen in estimated for flag in seen.flags))
        rows.append({"folder": folder, "photos": len(mine), "estimated": len(estimated), "referred": flags})
    return rows


def _bins(pairs: Sequence[Pair], measure_name: str) -> list[dict[str, Any]]:
    rows = []
    kinds, edges = MEASURES[measure_name]
    for low, high in pairwise(edges):
        inside = [pair for pair in pairs if low <= _value(pair.copy, measure_name) < high]
        moved = np.array([p.moved_years for p in inside if p.kind in kinds and p.moved_years is not None])
        rows.append(
            {
                "from": float(low),
                "to": float(high),
                "copies": len(moved),
                "moved_years": round(float(moved.mean()), 2) if len(moved) else None,
                "far": round(float((moved > FAR_YEARS).mean()), 3) if len(moved) else None,
                "whole": sum(not pair.kind for pair in inside),
            }
        )
    return rows


def _value(seen: Seen, name: str) -> float:
    value = getattr(seen.quality, name, None)
    if value is None:
        return float("nan")
    return abs(float(value)) if name in EITHER_SIDE else float(value)


def _outcome(pairs: Sequence[Pair]) -> dict[str, Any]:
    answered = [pair for pair in pairs if pair.copy.age_years is not None]
    trusted = [pair.moved_years or 0.0 for pair in answered if not pair.copy.referred]
    return {
        "photos": len(pairs),
        "refused": len(pairs) - len(answered),
        "referred": len(answered) - len(trusted),
        "answered": len(trusted),
        "moved_years": round(float(np.mean(trusted)), 2) if trusted else None,
        "far": sum(years > FAR_YEARS for years in trusted),
    }


def as_text(document: dict[str, Any]) -> str:
    """Return the tables for people."""
    lines = [f"{'whole photos':20}{'photos':>8}{'estimated':>11}  referred, by flag"]
    lines += [
        f"{row['folder']:20}{row['photos']:>8}{row['estimated']:>11}  {row['referred'] or 'none'}"
        for row in document["whole"]
    ]
    for name, rows in document["measures"].items():
        bounds = ", ".join(limit for limit in LIMITS if LIMITS[limit].attribute == name) or "no bound"
        lines += ["", f"{name} ({bounds})"]
        lines.append(f"{'from':>10}{'to':>10}{'copies':>8}{'moved':>8}{'over 10 years':>15}{'whole':>8}")
        lines += [
            f"{row['from']:>10g}{row['to']:>10g}{row['copies']:>8}"
            + (f"{row['moved_years']:>8.1f}{row['far']:>15.0%}" if row["copies"] else f"{'':23}")
            + f"{row['whole']:>8}"
            for row in rows
        ]
    lines.append(
        f"\n{'copies':42}{'photos':>8}{'refused':>9}{'referred':>10}{'answered':>10}{'over 10 years off':>19}"
    )
    lines += [
        f"{row['change']:42}{row['photos']:>8}{row['refused']:>9}{row['referred']:>10}{row['answered']:>10}"
        f"{row['far']:>19}"
        for row in document["changes"]
    ]
    if document["turned_aside"]:
        lines += [
            "\nhead turned aside (yaw), photos labelled with bands",
            f"{'from':>10}{'to':>10}{'photos':>8}{'outside the band, years':>26}",
        ]
        lines += [
            f"{row['from']:>10g}{row['to']:>10g}{row['photos']:>8}"
            + (f"{row['outside_years']:>26.1f}" if row["photos"] else "")
            for row in document["turned_aside"]
        ]
    return "\n".join(lines)
