from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.desk.contradictions import JUMP_YEARS, DatedPhoto, contradictions, contradictions_with
from simsvc.values import Declaration

TODAY = date(2026, 11, 29)
DAYS = st.dates(date(1930, 1, 1), TODAY)
PHOTOS = st.builds(
    lambda born, taken: DatedPhoto(Declaration("A", born, taken), TODAY), st.none() | DAYS, st.none() | DAYS
).filter(lambda one: one.declared.birth_date is None or one.declared.birth_date <= one.day)
"""Declarations that `checked_dates` lets through: no photo is older than its own birth date."""


def photo(born: date | None = None, taken: date | None = None, number: int = 1) -> DatedPhoto:
    return DatedPhoto(Declaration("A", born, taken), TODAY, number)


def kinds(*photos: DatedPhoto) -> list[str]:
    return [found.kind for found in contradictions(photos)]


@given(st.lists(PHOTOS, max_size=6))
def test_a_case_agrees_if_and_only_if_no_upload_was_warned(photos: list[DatedPhoto]) -> None:
    """What is said at entry, photo by photo, and what the case page says are the same rule."""
    warned = any(contradictions_with(photos[:at], one) for at, one in enumerate(photos))
    assert bool(contradictions(photos)) == warned


@given(st.lists(PHOTOS, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_photos_does_not_matter(photos: list[DatedPhoto], dice: object) -> None:
    """The kinds of contradictions are those of the set of photos."""
    mixed = list(photos)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert {found.kind for found in contradictions(photos)} == {found.kind for found in contradictions(mixed)}


@given(DAYS, st.lists(st.integers(0, 365 * JUMP_YEARS), max_size=6))
def test_one_birth_date_and_photos_of_ten_years_agree(born: date, later_days: list[int]) -> None:
    """Photos of one person within the life of a passport are never questioned."""
    first = max(born, TODAY - timedelta(days=365 * JUMP_YEARS))
    days = [min(TODAY, first + timedelta(days=days)) for days in later_days]
    assert contradictions([photo(born, day) for day in days]) == ()


def test_each_contradiction_is_named_with_its_records() -> None:
    """Another birth date, a photo before the birth, and a jump of the declared age are sentences."""
    young = photo(date(1990, 1, 1), date(2026, 1, 1), 7)
    assert kinds(young, photo(date(1980, 1, 1), None, 8)) == ["births_differ"]
    assert kinds(young, photo(None, date(1985, 1, 1), 8)) == ["before_birth", "age_jumps"]
    (jump,) = contradictions([young, photo(date(1990, 1, 1), date(2012, 5, 1), 8)])
    assert jump.numbers == (7, 8)
    assert "2012-05-01 and 2026-01-01 are 13 years apart" in str(jump.sentence)
    assert "from 22 to 36" in str(jump.sentence)


def test_of_many_jumps_the_largest_is_named() -> None:
    """A photo of long ago among many of today is one sentence."""
    born = date(1980, 1, 1)
    old = photo(born, date(2000, 1, 1))
    assert kinds(old, *(photo(born, date(2026, month, 1)) for month in range(1, 10))) == ["age_jumps"]
