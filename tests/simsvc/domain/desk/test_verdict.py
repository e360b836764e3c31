from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.desk.declared import ABOVE, BELOW, WITHIN, compare
from simsvc.domain.desk.verdict import verdict, verdict_of
from simsvc.messages import Message
from simsvc.values import Declaration, Estimate, RecordedEstimate

JUDGED = Estimate("a.jpg", "ab", "estimated", age_years=44.0, interval_years=(38.2, 50.9), coverage=0.9)


@pytest.mark.parametrize(
    ("years", "expected"), [(37, "outside"), (38, "fits"), (51, "fits"), (52, "outside"), (None, None)]
)
def test_a_declared_age_fits_the_range_as_shown(years: int | None, expected: str | None) -> None:
    """Both ends count, in the whole years that the page shows."""
    assert verdict(years, JUDGED) == expected


@pytest.mark.parametrize(
    "estimate",
    [
        Estimate("a.jpg", "ab", "refused"),
        Estimate("a.jpg", "ab", "estimated", age_years=44.0),
        Estimate(
            "a.jpg",
            "ab",
            "estimated",
            age_years=44.0,
            interval_years=(38, 50),
            coverage=0.9,
            refer_reason=Message("Dark."),
        ),
    ],
    ids=["refused", "no range", "unreliable"],
)
def test_without_a_reliable_range_nobody_can_tell(estimate: Estimate) -> None:
    """A declared age is not held against an estimate that is unreliable or missing."""
    assert verdict(40, estimate) == "cannot_tell"


@given(st.integers(0, 130), st.floats(0, 110), st.floats(0, 40), st.floats(0, 40))
def test_badge_and_sentence_agree(years: int, age: float, below: float, above: float) -> None:
    """The badge says the same as the sentence beside it."""
    estimate = Estimate(
        "a.jpg", "ab", "estimated", age_years=age, interval_years=(age - below, age + above), coverage=0.9
    )
    said = compare(years, estimate).template
    assert (verdict(years, estimate) == "fits") == (said == WITHIN)
    assert (verdict(years, estimate) == "outside") == (said in {BELOW, ABOVE})


def test_the_upload_dates_an_undated_photo() -> None:
    """The declared age is that on the day of the record where no date of the photo is given."""
    estimate = Estimate(
        "a.jpg",
        "ab",
        "estimated",
        age_years=44.0,
        interval_years=(38.2, 50.9),
        coverage=0.9,
        declared=Declaration(birth_date=date(1988, 6, 2)),
    )
    assert verdict_of(RecordedEstimate("x", 1, datetime(2026, 6, 1, tzinfo=UTC), estimate)) == "outside"
    assert verdict_of(RecordedEstimate("x", 1, datetime(2026, 6, 2, tzinfo=UTC), estimate)) == "fits"
