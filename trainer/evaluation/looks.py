"""What the faces of each source look like, and what an earlier model says of them, by a sample of each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.quality import measured
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import PhotoError
from simsvc.values import Crop, RgbImage
from trainer.datasets.formats.rows import Row
from trainer.datasets.pack import labelled_face
from trainer.evaluation.by_source import BASIC, figures, judged, mae, plain
from trainer.evaluation.measures.metrics import bracketed

SAMPLE = 500
"""Faces of a source that are looked at: a share of a half is known to 4 points (twice 0.5 / sqrt(500))."""
GREY_SPREAD = 2.0
"""Mean difference of a crop's largest and least channel, 0..255, below which it counts as grey. FG-NET
says of each of its photos whether it is grey: as whole photos the 86 grey ones are at 0, and 2% of the 373
others lie below any bound from 1 to 10."""
QUANTILES = (0.05, 0.5, 0.95)
BATCH = 64


@dataclass(frozen=True, slots=True)
class Spread:
    """The 5%, 50% and 95% quantiles of a measure."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class SourceLooks:
    """One source."""

    source: str
    photos: int  # all that can be read
    persons: int | None  # of those photos, or None where the source does not name any
    age_years: Spread  # labels of all photos
    looked_at: int  # photos of the sample
    undetected: float  # share of the sample in which the detector finds no face, 0..1
    face_px: Spread | None  # longer side of the detector's box, pixels of the photo; None without any face
    sharpness: Spread  # variance of the Laplacian of the crop's luminance, see `quality.sharpness`
    luminance: Spread  # mean of the crop, 0..255
    grey: float  # share of the sample without colour, 0..1
    model: dict[str, dict[str, float]]  # the earlier model's "mae" and "bias" and their 95% intervals, years

    def as_json(self) -> dict[str, Any]:
        """Return plain dicts, strings and numbers."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Seen:
    crop: Crop
    face_px: float | None
    sharpness: float
    luminance: float
    grey: bool


def look(rows: Sequence[Row], bundle: Bundle, threads: int, sample: int = SAMPLE) -> tuple[SourceLooks, ...]:
    """Look at a sample of each source, drawn with a fixed seed, in the order of their names."""
    model, detector = OnnxModel(bundle, threads), detector_of(bundle)

    def see(row: Row) -> _Seen | None:
        try:
            photo = decode(row.path.read_bytes(), reading=bundle.reading)
        except PhotoError:
            return None
        right = looked_at(photo, detector.detect, bundle.reading)
        face = labelled_face(right.photo, right.faces)
        crop = crop_of(right.photo, face, model.input_px, model.crop_margin)
        quality = measured(crop, right.photo, face, model.crop_margin)
        size = quality.face_px if face.confidence else None
        return _Seen(crop, size, quality.sharpness, quality.luminance, is_grey(crop.rgb))

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for source in sorted({row.source for row in rows}):
            mine = [row for row in rows if row.source == source]
            drawn = _drawn(mine, sample)
            seen = list(tqdm(pool.map(see, drawn), total=len(drawn), desc=source, unit="face", delay=2))
            pairs = [(row, one) for row, one in zip(drawn, seen, strict=True) if one is not None]
            found.append(_looks(source, mine, pairs, model))
    return tuple(found)


def is_grey(rgb: RgbImage) -> bool:
    """Say whether a crop, uint8 (H, W, 3), has no colour to speak of."""
    return float((rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)).mean()) < GREY_SPREAD


def _drawn(rows: Sequence[Row], sample: int) -> list[Row]:
    if len(rows) <= sample:
        return list(rows)
    return [rows[at] for at in np.sort(np.random.default_rng(0).choice(len(rows), sample, replace=False))]


def _looks(
    source: str, rows: Sequence[Row], pairs: Sequence[tuple[Row, _Seen]], model: OnnxModel
) -> SourceLooks:
    seen = [one for _, one in pairs]
    sizes = [one.face_px for one in seen if one.face_px is not None]
    faces = judged([row for row, _ in pairs], _estimates([one.crop for one in seen], model))
    return SourceLooks(
        source=source,
        photos=len(rows),
        persons=len({row.person for row in rows} - {None}) or None,
        age_years=_spread([row.age_years for row in rows]),
        looked_at=len(seen),
        undetected=round(1 - len(sizes) / len(seen), 4),
        face_px=_spread(sizes) if sizes else None,
        sharpness=_spread([one.sharpness for one in seen]),
        luminance=_spread([one.luminance for one in seen]),
        grey=round(float(np.mean([one.grey for one in seen])), 4),
        model=plain(figures(faces, {"mae": mae, "bias": BASIC["bias"]})),
    )


def _estimates(crops: Sequence[Crop], model: OnnxModel) -> NDArray[np.float64]:
    batches = [model.predict(crops[at : at + BATCH]).ages_years for at in range(0, len(crops), BATCH)]
    return np.concatenate(batches).astype(np.float64)


def _spread(values: Sequence[float]) -> Spread:
    low, middle, high = np.quantile(np.array(values, dtype=np.float64), QUANTILES)
    return Spread(round(float(low), 2), round(float(middle), 2), round(float(high), 2))


def as_text(looks: Sequence[SourceLooks]) -> str:
    """Return an aligned table for people: medians, in brackets the 5% and 95% quantiles."""
    lines = [
        "the faces: medians with the 5% and 95% quantiles; error and bias with 95% intervals",
        f"{'':22}{'photos':>7}{'persons':>8}{'ages':>16}{'looked at':>10}{'no face':>8}{'face, px':>20}"
        f"{'sharpness':>20}{'brightness':>18}{'grey':>6}{'model errs by':>22}{'bias':>24}",
    ]
    lines += [
        f"{one.source:22}{one.photos:>7}{one.persons or '-':>8}{_ranged(one.age_years):>16}"
        f"{one.looked_at:>10}{one.undetected:>8.1%}{_ranged(one.face_px):>20}{_ranged(one.sharpness):>20}"
        f"{_ranged(one.luminance):>18}{one.grey:>6.0%}"
        f"{bracketed(one.model['mae'], '.2f'):>22}{bracketed(one.model['bias'], '+.2f'):>24}"
        for one in looks
    ]
    return "\n".join(lines)


def _ranged(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.middle:.0f} [{spread.low:.0f}, {spread.high:.0f}]"
