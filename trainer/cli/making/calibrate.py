"""`python -m trainer calibrate`: measure on the validation part how far estimates are off, for intervals."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.domain.estimate.doubt import Doubt
from simsvc.domain.estimate.interval import FORMAT, SCALED_FORMAT, Calibration, parse_calibration, widening
from simsvc.errors import SettingsError, SourceEmpty
from trainer.datasets.corpus import add_source_argument, cores, parse_sources
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import merged
from trainer.datasets.splits import Split
from trainer.evaluation.measures import conformal
from trainer.evaluation.measures.metrics import decade
from trainer.evaluation.measures.ranges import doubt_of, ranges
from trainer.evaluation.scoring import Scored, score
from trainer.options import BUNDLE, add_to_model, check_writable, write_json

SPLIT: Split = "valid"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_source_argument(parser)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument(
        "--decade-coverage",
        type=float,
        default=conformal.DECADE_COVERAGE,
        help="least coverage of each true decade of the calibration faces; 0 for none "
        f"(default: {conformal.DECADE_COVERAGE})",
    )
    parser.add_argument(
        "--left-out",
        type=Path,
        metavar="FILE",
        help="what `left-out --json` wrote: let ranges hold on those sources, too, and add to the file how "
        "much of each they hold when calibrated without it",
    )
    parser.add_argument("--report", action="store_true", help="print the coverage on the test part too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report's figures there")
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")


def run(args: argparse.Namespace) -> int:
    """Calibrate, write model.json, and report where asked to."""
    check_writable(args.json)
    if not 0 <= args.decade_coverage < 1:
        raise SettingsError("--decade-coverage is a share from 0 to below 1.")
    sources = parse_sources(args.source)
    bundle = load_bundle(args.bundle)
    data = merged(sources)
    reported = bool(args.report or args.json)
    rows, test_rows = _some(data.of(SPLIT), SPLIT), _some(data.of("test"), "test") if reported else ()
    scored = score(rows, bundle, args.threads)
    document = calibrated(scored, bundle.sha256, "+".join(sorted(sources)), args.decade_coverage)
    if args.left_out:
        document |= _over_sources(scored, args.left_out, doubt_of(bundle))
    calibration = parse_calibration(document, bundle.sha256)
    add_to_model(bundle, {"calibration": document})
    print(f"{bundle.version}: {calibration.faces} faces of the {SPLIT} part, {len(calibration.bands)} bands")
    for band in calibration.bands:
        ends = f"{band.below_years:+7.2f} {band.above_years:+7.2f}"
        print(f"  from {band.from_years:3.0f}  {ends}  {band.faces:5}")
    if reported:
        figures = report(score(test_rows, bundle, args.threads), calibration)
        print(as_text(figures))
        content = {"model": bundle.version, "model_sha256": bundle.sha256, "split": "test", "parts": figures}
        write_json(args.json, content)
    return 0


def _some(rows: tuple[Row, ...], split: str) -> tuple[Row, ...]:
    if not rows:
        raise SourceEmpty(f"The {split} part is empty: add faces, or name other data with --source.")
    return rows


def _over_sources(scored: Scored, path: Path, doubt: Doubt | None) -> dict[str, Any]:
    """Return what the left-out sources change in the `calibration` entry, and complete their file."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        faces = Faces.of(scored, told["sources"], doubt)
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{path} is not what `python -m trainer left-out --json` writes.") from None
    for entry in told["sources"]:
        value = held(faces, entry["source"])
        entry["coverage"] = {"value": value}
        print(f"{entry['source']:16} {value:.1%} inside the ranges that are calibrated without it")
    replace_text(path, json.dumps(told, indent=1) + "\n")
    found = faces.calibration()
    return {
        "method": found.method,
        "source": "+".join(sorted(set(faces.sources.tolist()))),
        "faces": found.faces,
        "bands": [dataclasses.asdict(band) for band in found.bands],
        **({"format": SCALED_FORMAT, "doubt_power": found.doubt_power} if found.doubt_power else {}),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N faces that a range is calibrated on: held-out ones, and those of sources that were left out."""

    estimates_years: NDArray[np.float64]
    labels_years: NDArray[np.float64]
    sources: NDArray[np.str_]
    doubts: NDArray[np.float64]  # scores, NaN where the bundle has none

    @classmethod
    def of(cls, scored: Scored, left_out: list[dict[str, Any]], doubt: Doubt | None) -> Faces:
        """Put the validation part and the left-out sources together."""
        estimates, labels = scored.estimates_years.tolist(), [row.age_years for row in scored.rows]
        names, doubts = [row.source for row in scored.rows], scored.doubts.tolist()
        for part in left_out:
            estimates += part["estimates_years"]
            labels += part["ages_years"]
            names += [part["source"]] * len(part["ages_years"])
            doubts += _doubts(part, doubt)
        estimated, labelled, doubted = (
            np.array(values, np.float64) for values in (estimates, labels, doubts)
        )
        return cls(estimated, labelled, np.array(names), doubted)

    def calibration(self) -> Calibration:
        """Return a calibration on these faces, scaled by the expected error where the bundle predicts it."""
        count, power = len(self.labels_years), 0.0
        method, given = conformal.OVER_SOURCES, (self.estimates_years, self.labels_years, self.sources)
        if np.isnan(self.doubts).any():
            bands = conformal.bands_over_sources(*given)
        else:
            method, power = conformal.SCALED_OVER_SOURCES, conformal.DOUBT_POWER
            scales = np.array([widening(doubt, power) for doubt in self.doubts.tolist()])
            bands = (conformal.scaled_over_sources(*given, scales),)
        return Calibration(method, conformal.COVERAGE, "", "", "", count, bands, power)

    def taken(self, at: NDArray[np.bool_]) -> Faces:
        """Return the faces where a mask, bool (N,), says so."""
        return Faces(self.estimates_years[at], self.labels_years[at], self.sources[at], self.doubts[at])


def _doubts(part: dict[str, Any], doubt: Doubt | None) -> list[float]:
    if doubt is None:
        return [math.nan] * len(part["ages_years"])
    names, columns = part["measures"].keys(), part["measures"].values()
    return [doubt.of(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def held(faces: Faces, source: str) -> float:
    """Return the share of a source's labels inside ranges that are calibrated on all other faces."""
    mine = faces.sources == source
    left, calibration = faces.taken(mine), faces.taken(~mine).calibration()
    ends = ranges(left.estimates_years, left.doubts, calibration)
    return round(float(conformal.covered(ends, left.labels_years).mean()), 4)


def calibrated(scored: Scored, model_sha256: str, source: str, decade_coverage: float) -> dict[str, Any]:
    """Return the `calibration` entry of model.json.

    Raises:
        SourceEmpty: too few faces for one band.
    """
    labels = np.array([row.age_years for row in scored.rows])
    try:
        bands = conformal.bands(scored.estimates_years, labels, decade_coverage)
    except ValueError as error:
        raise SourceEmpty(f"The model cannot be calibrated: {error}. Add faces.") from None
    return {
        "format": FORMAT,
        "method": conformal.METHOD,
        "coverage": conformal.COVERAGE,
        "model_sha256": model_sha256,
        "source": source,
        "split": SPLIT,
        "faces": len(labels),
        "bands": [dataclasses.asdict(band) for band in bands],
    }


def report(scored: Scored, calibration: Calibration) -> list[dict[str, Any]]:
    """Return coverage and widths of all faces, then of each true decade, group and gender."""
    ends = ranges(scored.estimates_years, scored.doubts, calibration)
    labels = np.array([row.age_years for row in scored.rows])
    inside = conformal.covered(ends, labels)
    widths = ends[:, 1] - ends[:, 0]
    groups = [f"group {row.group}" if row.group else "" for row in scored.rows]
    genders = [f"gender {row.gender}" if row.gender else "" for row in scored.rows]
    parts = [_part("all", inside, widths)]
    for kind in ([decade(age) for age in labels], groups, genders):
        names = np.array(kind)
        parts += [_part(n, inside[names == n], widths[names == n]) for n in sorted(set(kind) - {""})]
    return parts


def _part(name: str, inside: NDArray[np.bool_], widths_years: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "part": name,
        "faces": len(inside),
        "coverage": round(float(inside.mean()), 4),
        "mean_width_years": round(float(widths_years.mean()), 2),
        "median_width_years": round(float(np.median(widths_years)), 2),
    }


def as_text(parts: list[dict[str, Any]]) -> str:
    """Return an aligned table; parts of fewer than 100 faces, which say little, are in brackets."""
    lines = [f"{'test part':16}{'faces':>7}{'coverage':>10}{'mean width':>12}{'median':>8}"]
    for part in parts:
        name = part["part"] if part["faces"] >= conformal.LEAST_FACES else f"({part['part']})"
        widths = f"{part['mean_width_years']:>12.1f}{part['median_width_years']:>8.1f}"
        lines.append(f"{name:16}{part['faces']:>7}{part['coverage']:>10.1%}{widths}")
    return "\n".join(lines)
