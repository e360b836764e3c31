from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.desk.decisions import checked_decision
from simsvc.domain.desk.declared import (
    age_on,
    checked_case,
    checked_dates,
    compare,
    declared_age,
    latest_today,
)
from simsvc.domain.estimate.combine import combine, sent_again
from simsvc.domain.files.spreadsheet import csv_line, neutral_cell
from simsvc.errors import CaseRefused, DatesRefused, DecisionRefused
from simsvc.messages import Message
from simsvc.values import DecisionDraft, Declaration, Estimate, RecordedEstimate

TODAY = date(2026, 3, 1)
JUDGED = Estimate("a.jpg", "ab", "estimated", age_years=44.0, interval_years=(38.2, 50.9), coverage=0.9)
WITHHELD = Estimate("a.jpg", "ab", "estimated", age_years=44.0, refer_reason=Message("Blurred."))
REFUSED = Estimate("a.jpg", "ab", "refused")


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(1992, 2, 29), date(2025, 2, 28), 32),
        (date(1992, 2, 29), date(2025, 3, 1), 33),
        (date(1992, 2, 29), date(2024, 2, 29), 32),
        (date(1990, 6, 15), date(2020, 6, 14), 29),
        (date(1990, 6, 15), date(2020, 6, 15), 30),
        (date(1990, 6, 15), date(1990, 6, 15), 0),
    ],
)
def test_an_age_is_completed_years(born: date, day: date, years: int) -> None:
    """A year counts from the birthday on; one born on a leap day has it on 1 March of other years."""
    assert age_on(born, day) == years


@pytest.mark.parametrize(
    ("years", "said"),
    [
        (34, "Declared age 34 is below the 90% range (38 to 51). Needs review."),
        (38, "Declared age 38 is within the 90% range (38 to 51)."),
        (51, "Declared age 51 is within the 90% range (38 to 51)."),
        (52, "Declared age 52 is above the 90% range (38 to 51). Needs review."),
    ],
)
def test_a_declared_age_is_held_against_the_range_as_shown(years: int, said: str) -> None:
    """The sentence agrees with the whole years on the page, its ends included."""
    assert str(compare(years, JUDGED)) == said


def test_a_withheld_estimate_is_not_held_against_anything() -> None:
    """The sentence refers instead of comparing."""
    assert "Needs review" in str(compare(44, WITHHELD))
    assert "within" not in str(compare(44, WITHHELD))


@pytest.mark.parametrize("text", ["a\\b", "../x", "a/../b", "/a", "a/", "a//b", ".", "x" * 65, "a\u202eb"])
def test_a_reference_that_is_a_path_or_invisible_is_refused(text: str) -> None:
    """Dots as folders, empty parts, backslashes, control characters and long texts are no references."""
    with pytest.raises(CaseRefused):
        checked_case(text)


def test_a_reference_is_tidied() -> None:
    """Outer and double spaces go; slashes within, markup and other scripts stay as text."""
    assert checked_case("  2026/0815   甲 <b>") == "2026/0815 甲 <b>"
    assert checked_case("   ") is None


@pytest.mark.parametrize(
    ("birth", "photo"),
    [
        ("2026-03-02", ""),
        ("", "2030-01-01"),
        ("2020-01-02", "2020-01-01"),
        ("1890-01-01", ""),
        ("1.2.90", ""),
    ],
)
def test_dates_that_cannot_be_are_refused(birth: str, photo: str) -> None:
    """The future, a photo before birth, 130 years ago, and what is no date."""
    with pytest.raises(DatesRefused):
        checked_dates(birth, photo, TODAY)


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        ("2026-03-01T09:59:59+00:00", "2026-03-01"),
        ("2026-03-01T10:00:00+00:00", "2026-03-02"),
        ("2026-03-01T00:00:01+08:00", "2026-03-01"),
        ("2026-03-01T00:00:01+14:00", "2026-03-01"),
        ("2026-02-28T23:59:59-10:00", "2026-03-01"),
        ("2026-02-28T23:59:59+14:00", "2026-02-28"),
    ],
)
def test_today_is_the_latest_day_on_earth(now: str, latest: str) -> None:
    """A day begins in Kiribati, fourteen hours before UTC; no later day is today anywhere."""
    day = date.fromisoformat(latest)
    assert latest_today(datetime.fromisoformat(now)) == day
    assert checked_dates(latest, latest, day) == (day, day)
    with pytest.raises(DatesRefused):
        checked_dates("", str(day + timedelta(days=1)), day)


def test_born_today_east_of_utc_is_no_age_below_zero() -> None:
    """A birth date that is today for the user, and tomorrow in UTC, is an age of 0."""
    assert declared_age(Declaration(birth_date=date(2026, 3, 2)), date(2026, 3, 1)) == 0


@pytest.mark.parametrize(
    ("kind", "age", "reason", "estimate"),
    [
        ("approve", "", "", JUDGED),
        ("override", "", "passport", JUDGED),
        ("override", "34", " ", JUDGED),
        ("override", "131", "passport", JUDGED),
        ("override", "٣٤", "passport", JUDGED),
        ("need_more", "", "", JUDGED),
        ("accept", "", "", WITHHELD),
        ("accept", "", "", REFUSED),
    ],
)
def test_a_decision_that_lacks_something_is_refused(
    kind: str, age: str, reason: str, estimate: Estimate
) -> None:
    """An override needs age and reason; what is withheld or refused cannot be accepted."""
    with pytest.raises(DecisionRefused):
        checked_decision(kind, age, reason, "", estimate)


def test_what_is_needed_is_the_note() -> None:
    """A request for more holds its note alone, of a refused photo too."""
    assert checked_decision("need_more", "34", "x", " a passport ", REFUSED) == DecisionDraft(
        "need_more", note="a passport"
    )


def test_a_decision_holds_only_what_its_kind_has() -> None:
    """An age typed before accepting is not recorded as an override's."""
    assert checked_decision("accept", "34", "x", " ok ", JUDGED) == DecisionDraft("accept", note="ok")
    assert checked_decision("override", "34", "x", "", JUDGED) == DecisionDraft("override", 34, "x")


PHOTOS = itertools.count()


def record(
    age: float, low: float, high: float, taken: date | None = None, sha256: str = "", number: int = 1
) -> RecordedEstimate:
    """Return an estimate of a photo of its own, unless a hash is given."""
    answer = Estimate(
        "a.jpg",
        sha256 or f"{next(PHOTOS)}",
        "estimated",
        age_years=age,
        interval_years=(low, high),
        coverage=0.9,
        declared=Declaration("c", None, taken),
    )
    return RecordedEstimate("0", number, datetime(2026, 1, 1, tzinfo=UTC), answer)


def test_photos_together_give_medians_and_an_honest_coverage() -> None:
    """Three photos give the median age and ends, for 80% of people at least; one alone gives nothing."""
    together = combine([record(40, 30, 50), record(43, 35, 52), record(60, 50, 70)])
    assert together is not None
    assert (together.age_years, together.interval_years, together.coverage) == (43, (35, 52), 0.8)
    assert combine([record(40, 30, 50)]) is None


def test_a_photo_that_was_sent_several_times_counts_once() -> None:
    """Three times the same photo is one photo, its latest estimate counts, and the times are told."""
    thrice = [
        record(age, age, age, sha256="same", number=number) for number, age in ((3, 52), (1, 50), (2, 51))
    ]
    assert combine(thrice) is None
    together = combine([*thrice, record(40, 40, 40)])
    assert together is not None
    assert (together.photos, together.age_years) == (2, 46)
    assert sent_again(thrice) == [3]
    assert sent_again([*thrice, record(1, 1, 1, sha256="b"), record(1, 1, 1, sha256="b")]) == [3, 2]
    assert sent_again([record(1, 1, 1), record(1, 1, 1)]) == []


def test_an_older_photo_is_carried_forward() -> None:
    """A photo ten years older adds ten years to its estimate."""
    together = combine([record(30, 25, 35, date(2010, 1, 1)), record(40, 35, 45, date(2020, 1, 1))])
    assert together is not None
    assert together.age_years == pytest.approx(40, abs=0.01)
    assert together.day == date(2020, 1, 1)


@given(st.lists(st.tuples(st.floats(0, 80), st.floats(0, 20)), min_size=2, max_size=9), st.floats(0, 100))
def test_the_combined_range_holds_what_most_ranges_hold(ends: list[tuple[float, float]], age: float) -> None:
    """Any age in more than half of the ranges is in the combined one."""
    together = combine([record(low, low, low + wide) for low, wide in ends])
    assert together is not None
    assert together.interval_years is not None
    if sum(low <= age <= low + wide for low, wide in ends) > len(ends) / 2:
        assert together.interval_years[0] <= age <= together.interval_years[1]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", " ="])  # noqa: RUF001 - full width
def test_what_could_start_a_formula_is_text(start: str) -> None:
    """A cell that a spreadsheet would run gets an apostrophe before it."""
    assert neutral_cell(start + "cmd|'/C calc'!A0").startswith("'")
    assert csv_line(['a"b', None, 3]) == '"a""b","","3"\r\n'


def test_time_is_of_the_test() -> None:
    """The oracle of leap days: 366 days after a leap day lies one completed year."""
    assert age_on(date(2024, 2, 29), date(2024, 2, 29) + timedelta(days=366)) == 1
