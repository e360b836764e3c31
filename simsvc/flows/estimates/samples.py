"""The sample applicants of the first day: three records that show the three verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

from simsvc.domain.gallery.labels import LabelRow, read_label_table
from simsvc.domain.gallery.sample import SAMPLES, blend, blended_files
from simsvc.domain.photo.encode import to_jpeg
from simsvc.errors import SamplesMissing
from simsvc.flows.estimates.estimate import EstimatePipeline, estimate
from simsvc.values import Declaration, RecordedEstimate

QUALITY = 92


def estimate_samples(
    gallery: Path, pipeline: EstimatePipeline, asked_by: str, today: date, prefix: str
) -> Iterator[RecordedEstimate]:
    """Estimate the sample applicants, each in a case named `prefix` and its number; `gallery` has labels.csv.

    Raises:
        SamplesMissing: the gallery has not enough composites of a sample's kind.
        IndexUnusable, BundleError, StoreError: as for any estimate.
    """
    rows = _rows(gallery)
    for sample in SAMPLES:
        files = blended_files(rows, sample)
        if not files:
            raise SamplesMissing()
        faces = [np.asarray(Image.open(gallery / file).convert("RGB")) for file in files]
        born = date(today.year - sample.declared_years, today.month, min(today.day, 28))
        declared = Declaration(f"{prefix} {sample.name}", born, today)
        photo = to_jpeg(blend(faces), QUALITY)
        yield estimate(photo, f"sample-{sample.name}.jpg", pipeline, asked_by, declared)


def _rows(gallery: Path) -> list[LabelRow]:
    try:
        return list(read_label_table((gallery / "labels.csv").read_bytes()).rows)
    except OSError:
        raise SamplesMissing() from None
