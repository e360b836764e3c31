"""The table of errors by decade that `flask index calibration` prints."""

from __future__ import annotations

from simsvc.cli.common.calibration_report import calibration_report
from simsvc.values.site_calibration import Candidate, Curve, Decade, Score, SiteCalibration

RAW = Score(40, 5.25, 4.5)
UNCORRECTED = SiteCalibration(
    "none",
    "no_gain",
    "0" * 64,
    faces=40,
    persons=20,
    folds=5,
    candidates=(Candidate("none", RAW),),
    decades=(Decade(30, RAW, RAW),),
)
BETTER = Score(40, 2.5, -0.25, 0.925)
CORRECTED = SiteCalibration(
    "curve",
    None,
    "0" * 64,
    faces=40,
    persons=20,
    curve=Curve((30.0, 35.0, 40.0), (0.0, -4.0, 0.0)),
    low=-1.5,
    high=1.5,
    folds=5,
    candidates=(Candidate("none", RAW), Candidate("curve", BETTER)),
    decades=(Decade(30, RAW, BETTER),),
)


def table(site: SiteCalibration) -> list[str]:
    """Return the header and the row of the only decade."""
    return calibration_report("mine/b-000000000000", site, changed=False)[-2:]


def test_each_column_has_its_heading() -> None:
    """Headings and figures end in the same columns, with both errors before and after correction."""
    header, row = table(CORRECTED)
    ends = {
        "faces": "40",
        "  MAE": "5.25",
        "corrected MAE": "2.50",
        "  bias": "+4.50",
        "corrected bias": "-0.25",
        "in range": "92.5%",
    }
    assert [name for name, figure in ends.items() if _end(header, name) != _end(row, figure)] == []


def test_a_dash_stands_for_a_missing_range() -> None:
    """Without a correction there is no range, so no share of ages lies within it."""
    assert table(UNCORRECTED)[1].split()[-1] == "-"


def _end(line: str, cell: str) -> int:
    return line.index(cell) + len(cell)
