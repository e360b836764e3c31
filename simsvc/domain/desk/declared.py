"""Declared data: validation, declared age, and comparison with the estimate."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta, timezone

from simsvc.errors import CaseRefused, DatesRefused
from simsvc.values import Declaration, Estimate

CASE_CHARACTERS = 64
OLDEST_YEARS = 130
"""Oldest age, as for labels (`values.LabelledFace`)."""
BELOW = "Declared age {0} is below the {1} range ({2} to {3}). Needs review."
ABOVE = "Declared age {0} is above the {1} range ({2} to {3}). Needs review."
WITHIN = "Declared age {0} is within the {1} range ({2} to {3})."
NO_RANGE = "Declared age {0}, estimated age {1}. This model gives no range to compare with."
WITHHELD = "Declared age {0} was not compared, because the estimate is unreliable. Needs review."
SENTENCES = (BELOW, ABOVE, WITHIN, NO_RANGE, WITHHELD)


def age_on(birth_date: date, day: date) -> int:
    """Return completed years on a day; for birthdays on 29 February, they change on 1 March in other years.

    Returns 0 on the day before birth, because time zones east of UTC are a day ahead.

    Source: Hong Kong, Age of Majority (Related Provisions) Ordinance, cap. 410, section 5.
    """
    years = day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
    return max(0, years)


def declared_age(declared: Declaration, recorded_on: date) -> int | None:
    """Return the declared age in the photo in completed years, or None without a birth date."""
    if declared.birth_date is None:
        return None
    return age_on(declared.birth_date, declared.photo_date or recorded_on)


def compare(age_years: int, estimate: Estimate) -> str:
    """Compare a declared age with an estimate in a sentence.

    Uses the range as displayed, in whole years, so that sentence and plot agree.
    """
    if estimate.age_years is None or estimate.refer:
        return WITHHELD.format(age_years)
    if estimate.interval_years is None or estimate.coverage is None:
        return NO_RANGE.format(age_years, f"{estimate.age_years:.0f}")
    low, high = (round(end) for end in estimate.interval_years)
    form = BELOW if age_years < low else ABOVE if age_years > high else WITHIN
    return form.format(age_years, f"{estimate.coverage:.0%}", low, high)


def checked_case(text: str) -> str | None:
    """Return a case reference with spaces normalised, or None if empty.

    Raises:
        CaseRefused: it is too long, has unprintable characters or looks like a path with dots.
    """
    reference = " ".join(unicodedata.normalize("NFC", text).split())
    if not reference:
        return None
    if len(reference) > CASE_CHARACTERS or not reference.isprintable():
        raise CaseRefused(
            f"A case reference has at most {CASE_CHARACTERS} characters that can be seen. "
            "Shorten it and try again."
        )
    if "\\" in reference or {"", ".", ".."} & set(reference.split("/")):
        raise CaseRefused(
            "A case reference holds no backslash, and its slashes have letters or digits on both sides. "
            "Correct it and try again."
        )
    return reference


def latest_today(now: datetime) -> date:
    """Return today's date in the time zone that is furthest ahead, so no valid "today" is later.

    Args:
        now: aware.

    Source: IANA time zone database, Pacific/Kiritimati: UTC+14.
    """
    return now.astimezone(timezone(timedelta(hours=14))).date()


def checked_dates(birth: str, photo: str, today: date) -> tuple[date | None, date | None]:
    """Return birth date and photo date from ISO text, each None if empty.

    Args:
        birth: as it was declared.
        photo: likewise.
        today: from `latest_today`, because the applicant's time zone is unknown.

    Raises:
        DatesRefused: a text is not a date, or the dates are not possible.
    """
    born, taken = _date(birth), _date(photo)
    if max(born or today, taken or today) > today:
        raise DatesRefused("A declared date lies in the future. Correct it and try again.")
    if born is not None and taken is not None and taken < born:
        raise DatesRefused("The photo's date lies before the birth date. Correct one of them and try again.")
    if born is not None and age_on(born, today) > OLDEST_YEARS:
        raise DatesRefused(
            f"The birth date lies more than {OLDEST_YEARS} years back. Correct it and try again."
        )
    return born, taken


def _date(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise DatesRefused("Write dates as year-month-day, such as 1990-02-28, and try again.") from None
