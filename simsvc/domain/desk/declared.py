"""Declared data: validation, declared age, and comparison with the estimate."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta, timezone

from simsvc.errors import CaseRefused, DatesRefused
from simsvc.messages import N_, Message
from simsvc.values import Declaration, Estimate

CASE_CHARACTERS = 64
OLDEST_YEARS = 130
"""No label of a gallery is older (`values.LabelledFace`), and nobody has been."""
BELOW = N_(
    "Declared age %(declared)s is below the %(percent).0f%% range (%(low)s to %(high)s). Needs review."
)
ABOVE = N_(
    "Declared age %(declared)s is above the %(percent).0f%% range (%(low)s to %(high)s). Needs review."
)
WITHIN = N_("Declared age %(declared)s is within the %(percent).0f%% range (%(low)s to %(high)s).")
NO_RANGE = N_(
    "Declared age %(declared)s, estimated age %(estimated).0f. This model gives no range to compare with."
)
WITHHELD = N_("Declared age %(declared)s was not compared, because the estimate is unreliable. Needs review.")


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


def compare(age_years: int, estimate: Estimate) -> Message:
    """Say how a declared age lies to an estimate.

    Uses the range as displayed, in whole years, so that sentence and plot agree.
    """
    if estimate.age_years is None or estimate.refer:
        return Message(WITHHELD, {"declared": age_years})
    if estimate.interval_years is None or estimate.coverage is None:
        return Message(NO_RANGE, {"declared": age_years, "estimated": estimate.age_years})
    low, high = (round(end) for end in estimate.interval_years)
    template = BELOW if age_years < low else ABOVE if age_years > high else WITHIN
    percent = 100.0 * estimate.coverage
    return Message(template, {"declared": age_years, "percent": percent, "low": low, "high": high})


def checked_case(text: str) -> str | None:
    """Return a case reference with spaces normalised, or None if empty.

    Raises:
        CaseRefused: it is too long, has unprintable characters or looks like a path with dots.
    """
    reference = " ".join(unicodedata.normalize("NFC", text).split())
    if not reference:
        return None
    if len(reference) > CASE_CHARACTERS or not reference.isprintable():
        raise CaseRefused("length", most=CASE_CHARACTERS)
    if "\\" in reference or {"", ".", ".."} & set(reference.split("/")):
        raise CaseRefused("path")
    return reference


def latest_today(now: datetime) -> date:
    """Return the date of an aware time in the zone that is furthest ahead, so no valid "today" is later.

    Source: IANA time zone database, Pacific/Kiritimati: UTC+14.
    """
    return now.astimezone(timezone(timedelta(hours=14))).date()


def checked_dates(birth: str, photo: str, today: date) -> tuple[date | None, date | None]:
    """Return birth date and photo date from ISO text, each None if empty.

    `today` is from `latest_today`, because the applicant's time zone is unknown.

    Raises:
        DatesRefused: a text is not a date, or the dates are not possible.
    """
    born, taken = _date(birth), _date(photo)
    if max(born or today, taken or today) > today:
        raise DatesRefused("future")
    if born is not None and taken is not None and taken < born:
        raise DatesRefused("order")
    if born is not None and age_on(born, today) > OLDEST_YEARS:
        raise DatesRefused("age", most_years=OLDEST_YEARS)
    return born, taken


def _date(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise DatesRefused("form") from None
