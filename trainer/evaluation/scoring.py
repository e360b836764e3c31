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
from simsvc.domain.photo.face_choice import pick
from simsvc.errors import FaceError, PhotoError
from simsvc.values import Crop
from trainer.datasets.formats.rows import Row
from trainer.datasets.held_out import SourcePart
from trainer.evaluation.by_source import Judged, judged
from trainer.evaluation.measures.ranges import calibration_of, doubt_of, doubts, ranges
from trainer.evaluation.source_faces import labelled_crop, looked_at_row

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What the bundle says of rows."""

    rows: tuple[Row, ...]  # N rows that can be read
    estimates_years: NDArray[np.float64]  # (N,)
    doubts: NDArray[np.float64]  # (N,), doubt scores, NaN where the bundle has none
    outcomes: Counter[str]  # of the service's own choice of face: "estimated" or the refusal's code


def score(rows: Sequence[Row], bundle: Bundle, threads: int) -> Scored:
    """Detect, crop and estimate every row: the labelled face, even if the service would refuse."""
    model, detector, doubt = OnnxModel(bundle, threads), detector_of(bundle), doubt_of(bundle)

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
    predictions = [
        model.predict(crops[start : start + _BATCH])
        for start in tqdm(range(0, len(crops), _BATCH), desc="estimate", unit="batch")
    ]
    estimates = np.concatenate([found.ages_years for found in predictions]).astype(np.float64)
    kept = tuple(row for row, (made, _) in zip(rows, prepared, strict=True) if made is not None)
    outcomes = Counter(outcome for _, outcome in prepared)
    return Scored(kept, estimates, np.concatenate([doubts(found, doubt) for found in predictions]), outcomes)


def judge(bundle: Bundle, taken: Sequence[SourcePart], threads: int) -> list[tuple[Scored, Judged]]:
    """Estimate every face of every part; photos that cannot be read are in neither."""
    scored = [score(part.rows, bundle, threads) for part in taken]
    own = calibration_of(bundle)
    pairs = [(one, ranges(one.estimates_years, one.doubts, own) if own else None) for one in scored]
    return [(one, judged(one.rows, one.estimates_years, ends)) for one, ends in pairs]
