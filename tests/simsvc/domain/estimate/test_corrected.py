from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.audit.content import estimate_facts
from simsvc.domain.estimate.corrected import build_sentence, calibrated, calibration_sentence
from simsvc.domain.estimate.interval import Band, Calibration
from simsvc.values import AppliedCalibration, Estimate, FoundFace, Neighbour
from simsvc.values.site_calibration import REASONS, Candidate, Curve, Score, SiteCalibration

MODEL = "ab" * 32
OWN = Calibration("bands", 0.8, MODEL, "utkface", "valid", 100, (Band(0.0, -10.0, 12.0, 100),))
SITE = SiteCalibration(
    method="curve",
    reason=None,
    model_sha256=MODEL,
    faces=1_312,
    persons=300,
    bias_years=3.2,
    curve=Curve((10.0, 20.0, 60.0, 70.0), (0.0, -2.6, -2.6, 0.0)),
    low=-1.0,
    high=2.0,
    candidates=(Candidate("none", Score(1_312, 5.2, 3.2)), Candidate("curve", Score(1_312, 3.74, 0.1, 0.9))),
)
SEEN = Estimate("a.jpg", "0" * 64, "estimated", age_years=42.6)


def applied(**changed: object) -> AppliedCalibration:
    """Return what a calibration did, with some fields changed."""
    usual = {"method": "curve", "reason": None, "faces": 312, "persons": 300, "bias_years": 3.2}
    return AppliedCalibration(**{**usual, "shift_years": -2.6, "cover": 1.0, **changed})  # type: ignore[arg-type]


def found(age_years: float, raw_years: float | None) -> FoundFace:
    return FoundFace("f1", age_years, 0.4, np.ones(2, np.float32), raw_estimate_years=raw_years)


def test_the_estimate_and_its_range_are_the_sites() -> None:
    """The answer has the corrected age, the model's own, what was done, and the site's range."""
    answer = calibrated(SEEN, (), SITE, OWN)
    assert answer.age_years == pytest.approx(40.0)
    assert answer.raw_age_years == 42.6
    assert answer.calibration is not None
    assert answer.calibration.shift_years == pytest.approx(-2.6)
    assert answer.interval_years == pytest.approx((40.0 - 6.2, 40.0 + 12.4))
    assert answer.coverage == 0.9


def test_half_covered_the_range_lies_between_both() -> None:
    """Where the reference faces end, the range passes to the model's own."""
    answer = calibrated(Estimate("a.jpg", "0" * 64, "estimated", age_years=65.0), (), SITE, OWN)
    assert answer.age_years == pytest.approx(63.7)
    size = 3.0 + 0.08 * 63.7
    assert answer.interval_years == pytest.approx(((63.7 - size + 55.0) / 2, (63.7 + 2 * size + 77.0) / 2))


def test_without_a_calibration_nothing_is_said() -> None:
    """An older build leaves an estimate as it was, and the log has no new field."""
    assert calibrated(SEEN, (), None, OWN) == SEEN
    assert not {"raw_age_years", "calibration"} & estimate_facts(SEEN).keys()


def test_where_nothing_is_corrected_the_model_keeps_its_range() -> None:
    """Composites, or an estimate beyond the gallery: raw and corrected age are one."""
    none = SiteCalibration("none", "composites", MODEL, 0, 0)
    for site, years in ((none, 42.6), (SITE, 80.0)):
        answer = calibrated(Estimate("a.jpg", "0" * 64, "estimated", age_years=years), (), site, OWN)
        assert (answer.age_years, answer.raw_age_years, answer.interval_years) == (years, years, None)


def test_only_real_faces_correct() -> None:
    """Faces without an estimate of the model's, as composites, have no part in a local correction."""
    site = SiteCalibration(**{**_fields(SITE), "method": "local"})
    plain = Neighbour("f2", 20.0, 0.3)
    unmoved = calibrated(SEEN, [plain, found(20.0, None)], site, OWN)
    assert unmoved.age_years == 42.6
    moved = calibrated(SEEN, [plain, found(20.0, 42.6)], site, OWN)
    assert moved.age_years == pytest.approx(42.6 - 22.6 / 7.0)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({}, "On your 312 reference faces, the model estimates 3 years too old; corrected by -2.6."),
        (
            {"bias_years": -5.6, "shift_years": 4.0, "faces": 1_312},
            "On your 1,312 reference faces, the model estimates 6 years too young; corrected by +4.0.",
        ),
        (
            {"bias_years": 0.4},
            "On your 312 reference faces, the model is right on average; corrected by -2.6.",
        ),
        ({"cover": 0.0}, "Not corrected: this estimate is outside the ages of your 312 reference faces."),
        (
            {"method": "none", "reason": "composites", "faces": 0},
            "No site calibration: the reference faces are composites.",
        ),
        (
            {"method": "none", "reason": "few_faces", "faces": 12},
            "No site calibration: only 12 reference faces of real people; at least 30 are needed.",
        ),
        (
            {"method": "none", "reason": "few_persons", "persons": 4},
            "No site calibration: the reference faces show only 4 people; at least 10 are needed.",
        ),
    ],
)
def test_it_is_said_in_words(what: dict[str, object], words: str) -> None:
    """One sentence says what was done, or why nothing was."""
    assert str(calibration_sentence(applied(**what))) == words


def test_every_reason_has_its_sentence() -> None:
    """Each reason is said by a sentence of its own, which can be translated."""
    said = {str(calibration_sentence(applied(method="none", reason=reason))) for reason in REASONS}
    assert len(said) == len(REASONS)
    assert all(one.startswith("No site calibration: ") for one in said)


def test_a_build_says_what_it_gains() -> None:
    """Its sentence has the bias and both mean errors."""
    assert str(build_sentence(SITE)) == (
        "On your 1,312 reference faces, the model estimates 3 years too old. "
        "Calibration reduces the mean error from 5.2 to 3.7 years."
    )


def _fields(site: SiteCalibration) -> dict[str, object]:
    return {name: getattr(site, name) for name in SiteCalibration.__dataclass_fields__}
