"""`python -m trainer withhold`: choose when to withhold estimates, and measure the gain."""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.domain.estimate import support
from simsvc.domain.estimate.interval import Calibration, parse_calibration
from simsvc.domain.estimate.rules import Rules, parse_rules
from simsvc.domain.photo.decode import decode
from simsvc.errors import SettingsError, SourceEmpty
from simsvc.values import FloatVector, SupportScale
from trainer.datasets.corpus import Corpus, add_source_argument, cores, open_corpus, parse_sources
from trainer.datasets.degrade import DEGRADATIONS, Degradation, encoded
from trainer.datasets.formats.rows import Row
from trainer.datasets.pack import labelled_face
from trainer.evaluation.bands import BandedPhoto, outside_years, read_bands
from trainer.evaluation.judging import Judge, Judged, drawn, supports
from trainer.evaluation.measures.metrics import decade, old
from trainer.options import BUNDLE, FOLDER, add_to_model, check_writable, write_json
from trainer.withholding import rules as withhold_rules
from trainer.withholding import tradeoff
from trainer.withholding.plot import plot
from trainer.withholding.rules import CLEAN, Measured, measured
from trainer.withholding.table import as_text

COPIES = 300
"""Faces of each part that are degraded: a share of copies is then known to 6 points (binomial, 95%)."""
GALLERY_A_FACE = 20  # with --limit, gallery faces per evaluated face


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_source_argument(parser)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"calibrated (default: {BUNDLE})")
    parser.add_argument(
        "--fairface", type=Path, help=f"photos labelled with bands (default: {FOLDER}, where it is there)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the trade there as PNG")
    parser.add_argument(
        "--limit", type=int, help="a trial: at most so many faces of each part; model.json stays as it is"
    )
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")


def run(args: argparse.Namespace) -> int:
    """Measure, choose the bounds, write them into model.json, and show the trade."""
    check_writable(args.json)
    check_writable(args.plot)
    sources = parse_sources(args.source)
    banded = _banded(args.fairface, args.limit)
    bundle = load_bundle(args.bundle)
    if "calibration" not in bundle.raw:
        raise SettingsError("This model has no ranges yet. Run `python -m trainer calibrate` on it first.")
    calibration = parse_calibration(bundle.raw["calibration"], bundle.sha256)
    measuring = Measuring(bundle, calibration, open_corpus(sources), args.limit, args.threads)
    document = measured_document(measuring, banded)
    print(as_text(document))
    if args.limit is None:
        add_to_model(bundle, {name: document[name] for name in ("quality", "withhold")})
    write_json(args.json, document)
    if args.plot:
        plot(document, args.plot)
    return 0


def _banded(folder: Path | None, limit: int | None) -> tuple[BandedPhoto, ...]:
    if folder is None and not FOLDER.is_dir():
        print(f"There is no {FOLDER}: the trade is shown without it.")
        return ()
    photos = read_bands(folder or FOLDER)
    return tuple(photos[at] for at in drawn(np.arange(len(photos)), limit))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the data, measured."""

    rows: tuple[Row, ...]
    faces: Measured
    copied: Sequence[int]  # positions in `rows` of those that were degraded
    copies: tuple[tuple[Degradation, Measured], ...]  # what the service makes of each degradation of them


class Measuring:
    """Everything that faces are measured with: the engines, the ranges, and the gallery of the train part."""

    def __init__(
        self, bundle: Bundle, calibration: Calibration, corpus: Corpus, limit: int | None, threads: int
    ) -> None:
        self.bundle, self.corpus, self.limit = bundle, corpus, limit
        self._calibration, self._judge = calibration, Judge(bundle, threads)
        self._detector = detector_of(bundle)
        most = None if limit is None else limit * GALLERY_A_FACE
        self._gallery: FloatVector = self._judge.embeddings(corpus, "train", most)
        self.gallery_faces = len(self._gallery)
        scale = support.measure(self._gallery)
        assert scale is not None  # noqa: S101 - told to mypy; `embeddings` refuses so few
        self._scale: SupportScale = scale

    def part(self, split: str) -> Part:
        """Measure a part and degraded copies of some of it.

        Raises:
            SourceEmpty: there is no face in it.
        """
        positions = drawn(self.corpus.positions(split), self.limit).tolist()
        rows = tuple(self.corpus.data.rows[at] for at in positions)
        if not rows:
            raise SourceEmpty(f"The {split} part is empty: add faces, or name other data with --source.")
        (judged,) = self._judge.judge(rows, lambda row: [row.path.read_bytes()], split)
        copied = drawn(np.arange(len(rows)), COPIES).tolist()
        views = self._judge.judge([rows[at] for at in copied], self._degraded, f"{split}, degraded")
        ages = np.array([row.age_years for row in rows])
        copies = (
            (how, self._measured(how.kind, view, ages[copied]))
            for how, view in zip(DEGRADATIONS, views, strict=True)
        )
        return Part(rows, self._measured(CLEAN, judged, ages), copied, tuple(copies))

    def banded(self, photos: Sequence[BandedPhoto]) -> Measured:
        """Measure photos labelled with bands; their errors are unknown (NaN)."""
        (judged,) = self._judge.judge(photos, lambda photo: [photo.path.read_bytes()], "bands")
        return self._measured(CLEAN, judged, np.full(len(photos), np.nan))

    def _measured(self, kind: str, judged: Judged, ages_years: NDArray[np.float64]) -> Measured:
        share = supports(judged.embeddings, self._gallery, self._scale)
        return measured(kind, judged, share, ages_years, self._calibration)

    def _degraded(self, row: Row) -> list[bytes]:
        photo = decode(row.path.read_bytes())
        face = labelled_face(photo, self._detector.detect(photo))
        seed = zlib.crc32(row.reference.encode())
        return [encoded(how.of(photo, face, seed)) for how in DEGRADATIONS]


def measured_document(measuring: Measuring, banded: Sequence[BandedPhoto]) -> dict[str, Any]:
    """Choose bounds on the valid part and return them with the trade on all else."""
    bundle, valid = measuring.bundle, measuring.part("valid")
    parts = [valid.faces, *(faces for _, faces in valid.copies)]
    chosen = withhold_rules.choose(parts)
    names = "+".join(sorted({row.source for row in valid.rows}))
    source = (
        f"python -m trainer withhold: {len(valid.rows)} validation faces of {names}, "
        f"{len(DEGRADATIONS)} degraded copies each of {len(valid.copied)} of them; "
        "python -m trainer bounds: photos of many sources and their copies"
    )
    entries = withhold_rules.entries(chosen, source, bundle.sha256, measuring.gallery_faces)
    rules = parse_rules({**bundle.raw, **entries}, bundle.sha256)
    severity = tradeoff.Severity(parts)
    document: dict[str, Any] = {"model": bundle.version, "model_sha256": bundle.sha256, "source": names}
    document |= {"rule": withhold_rules.stated(), "bounds": chosen, **entries}
    return document | _shown(measuring, rules, severity, banded)


def _shown(
    measuring: Measuring, rules: Rules, severity: tradeoff.Severity, banded: Sequence[BandedPhoto]
) -> dict[str, Any]:
    """Return the trade and what becomes of photos, on the test part, its copies and the banded photos."""
    test = measuring.part("test")
    subset = test.faces.of(test.copied)
    everything = withhold_rules.joined("degraded", [faces for _, faces in test.copies])
    sets = {"test": (test.faces, tradeoff.errors(test.faces))}
    sets["degraded"] = everything, tradeoff.errors(everything)
    if banded:
        faces = measuring.banded(banded)
        sets["bands"] = faces, tradeoff.close(outside_years(faces.judged.estimates_years, banded))
    return {
        "trade": {n: tradeoff.trade(severity.order(f), report) for n, (f, report) in sets.items()},
        "ruled": {n: tradeoff.as_ruled(f, rules, report) for n, (f, report) in sets.items()},
        "degraded": tradeoff.degraded_table(test.copies, rules, subset),
        "parts": tradeoff.by_part(test.faces, rules, _kinds(test.rows)),
    }


def _kinds(rows: Sequence[Row]) -> list[list[str]]:
    return [
        ["all"] * len(rows),
        [decade(row.age_years) for row in rows],
        [old(row.age_years) or "" for row in rows],
        [f"group {row.group}" if row.group else "" for row in rows],
        [f"gender {row.gender}" if row.gender else "" for row in rows],
    ]
