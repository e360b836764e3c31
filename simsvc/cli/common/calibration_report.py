"""The report that `flask index calibration` prints: errors before and after correction, by decade."""

from __future__ import annotations

from collections.abc import Iterator

from simsvc.domain.estimate.corrected import build_sentence
from simsvc.values.site_calibration import Score, SiteCalibration

COLUMNS = ("", "faces", "MAE", "corrected MAE", "bias", "corrected bias", "in range")
WIDTHS = (12, 7, 8, 15, 8, 16, 10)
NO_RANGE = "-"
"""In the place of the share within the range, where no correction, and so no range, was chosen."""


def calibration_report(label: str, site: SiteCalibration | None, *, changed: bool) -> list[str]:
    """Return lines about the site calibration of a build."""
    if site is None:
        return [f"{label} was built before site calibration existed. Rebuild the index: `flask index build`."]
    lines = [f"{label}: {build_sentence(site)}"]
    if site.candidates:
        lines += [*_chosen(site), *_table(site)]
    if changed:
        lines.append("Refitted after the build, because reference faces were added, relabelled or removed.")
    return lines


def _chosen(site: SiteCalibration) -> Iterator[str]:
    yield (
        f"Cross-validation in {site.folds} folds over {site.persons:,} people, seed {site.seed}; "
        f"chosen: {site.method}."
    )
    for candidate in site.candidates:
        score = candidate.score
        yield (
            f"  {candidate.method:12} MAE {score.mae_years:5.2f}  bias {score.bias_years:+6.2f}"
            + ("" if score.coverage is None else f"  in range {score.coverage:6.1%}")
        )
    curve = site.curve
    if curve is not None and site.uses_curve:
        steps = zip(curve.knots_years, curve.offsets_years, strict=True)
        yield "Curve: " + ", ".join(f"{knot:.1f}: {offset:+.1f}" for knot, offset in steps) + " years."


def _table(site: SiteCalibration) -> Iterator[str]:
    yield "By decade of known age, years:"
    yield _row(COLUMNS)
    for decade in site.decades:
        name = f"{decade.from_years} to {decade.from_years + 9}"
        yield _row((name, *_cells(decade.raw, decade.corrected)))


def _cells(raw: Score, corrected: Score) -> tuple[str, ...]:
    held = NO_RANGE if corrected.coverage is None else f"{corrected.coverage:.1%}"
    errors = (f"{raw.mae_years:.2f}", f"{corrected.mae_years:.2f}")
    return f"{raw.faces:,}", *errors, f"{raw.bias_years:+.2f}", f"{corrected.bias_years:+.2f}", held


def _row(cells: tuple[str, ...]) -> str:
    first, *rest = zip(cells, WIDTHS, strict=True)
    return (f"{first[0]:{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in rest)).rstrip()
