"""Estimates of a bundle for labelled faces, with the service's pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.interval import Calibration, parse_calibration
from simsvc.domain.photo.face_choice import pick
from simsvc.errors import FaceError, PhotoError
from simsvc.ports import Detector
from simsvc.values import Crop
from trainer.datasets.held_out import SourcePart
from trainer.datasets.rows import Row
from trainer.evaluation.by_source import Judged, judged
from trainer.evaluation.site_calibration import own_ranges
from trainer.evaluation.source_faces import labelled_crop, looked_at_row

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What the bundle says of rows."""

    rows: tuple[Row, ...]  # N rows that can be read
    estimates_years: NDArray[np.float64]  # (N,)
    outcomes: Counter[str]  # of the service's own choice of face: "estimated" or the refusal's code


def score(rows: Sequence[Row], model: OnnxModel, detector: Detector, threads: int) -> Scored:
    """Detect, crop and estimate every row: the labelled face, even if the service would refuse."""

    def prepare(row: Row) -> tuple[Crop | None, str]:
        try:
            seen = looked_at_row(row, model, detector)
        except PhotoError as error:
            return None, error.code
        try:
            pick(seen.faces)
            outcome = "estimated"
        except FaceError as error:
            outcome = error.code
        return labelled_crop(seen, model), outcome

    with ThreadPoolExecutor(threads) as pool:
        prepared = list(tqdm(pool.map(prepare, rows), total=len(rows), desc="crop", unit="face"))
    crops = [made for made, _ in prepared if made is not None]
    estimates = [
        model.predict(crops[start : start + _BATCH]).ages_years
        for start in tqdm(range(0, len(crops), _BATCH), desc="estimate", unit="batch")
    ]
    kept = tuple(row for row, (made, _) in zip(rows, prepared, strict=True) if made is not None)
    outcomes = Counter(outcome for _, outcome in prepared)
    return Scored(kept, np.concatenate(estimates).astype(np.float64), outcomes)


def calibration_of(bundle: Bundle) -> Calibration | None:
    """Return the calibration in a bundle's model.json, or None where it has none.

    Raises:
        BundleDamaged: it cannot be understood, or was measured on another model.
    """
    raw = bundle.raw.get("calibration")
    return None if raw is None else parse_calibration(raw, bundle.sha256)


def judge(bundle: Bundle, taken: Sequence[SourcePart], threads: int) -> list[tuple[Scored, Judged]]:
    """Estimate every face of every part; photos that cannot be read are in neither."""
    model, detector = OnnxModel(bundle, threads), detector_of(bundle)
    scored = [score(part.rows, model, detector, threads) for part in taken]
    ranges = [own_ranges(one.estimates_years, calibration_of(bundle)) for one in scored]
    pairs = zip(scored, ranges, strict=True)
    return [(one, judged(one.rows, one.estimates_years, ends)) for one, ends in pairs]
