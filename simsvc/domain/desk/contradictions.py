"""Contradictions between the declared dates of the photos of a case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from simsvc.domain.desk.declared import age_on
from simsvc.messages import N_, Message
from simsvc.values import Declaration, RecordedEstimate
from simsvc.values.cases import Contradiction

JUMP_YEARS = 10
"""Photos that are more years apart deserve a look, because a declared age that jumps so far is often a
mistyped year. Source: ICAO Doc 9303, part 3: a passport, and so its photo, is valid for at most ten years."""
BIRTHS_DIFFER = N_("Different birth dates are declared in this case: %(first)s and %(second)s.")
BEFORE_BIRTH = N_("A photo in this case is dated %(taken)s, before the declared birth date %(born)s.")
AGE_JUMPS = N_(
    "The photo dates %(first)s and %(last)s are %(years)s years apart, so the declared age jumps from "
    "%(young)s to %(old)s."
)


@dataclass(frozen=True, slots=True)
class DatedPhoto:
    """The declaration of a photo, the day that dates it without a photo date, and its record, if any."""

    declared: Declaration
    uploaded_on: date
    number: int | None = None

    @property
    def day(self) -> date:
        """Return the declared date of the photo, or its upload date."""
        return self.declared.photo_date or self.uploaded_on


def dated(record: RecordedEstimate) -> DatedPhoto:
    """Return the dates of a record."""
    return DatedPhoto(record.estimate.declared, record.created_at.date(), record.number)


def contradictions(photos: Sequence[DatedPhoto]) -> tuple[Contradiction, ...]:
    """Return the contradictions within a case, each sentence once, and of jumps only the largest."""
    distinct = {(one.declared.birth_date, one.declared.photo_date, one.day): one for one in reversed(photos)}
    pairs = combinations(reversed(distinct.values()), 2)
    return _once(found for first, second in pairs for found in _between(first, second))


def contradictions_with(earlier: Sequence[DatedPhoto], new: DatedPhoto) -> tuple[Contradiction, ...]:
    """Return the same of a new photo and the earlier ones of its case."""
    return _once(found for photo in earlier for found in _between(photo, new))


def _between(first: DatedPhoto, second: DatedPhoto) -> list[Contradiction]:
    numbers = (first.number, second.number)
    found = [
        ("births_differ", _births_differ(first.declared, second.declared)),
        ("before_birth", _before_birth(first.declared, second.declared)),
        ("before_birth", _before_birth(second.declared, first.declared)),
        ("age_jumps", _age_jumps(first, second)),
    ]
    return [Contradiction(kind, sentence, numbers) for kind, sentence in found if sentence]


def _births_differ(first: Declaration, second: Declaration) -> Message | None:
    born = {first.birth_date, second.birth_date} - {None}
    if len(born) < 2:
        return None
    earlier, later = sorted(day.isoformat() for day in born if day)
    return Message(BIRTHS_DIFFER, {"first": earlier, "second": later})


def _before_birth(photo: Declaration, person: Declaration) -> Message | None:
    taken, born = photo.photo_date, person.birth_date
    if taken is None or born is None or taken >= born:
        return None
    return Message(BEFORE_BIRTH, {"taken": taken.isoformat(), "born": born.isoformat()})


def _age_jumps(first: DatedPhoto, second: DatedPhoto) -> Message | None:
    born = first.declared.birth_date or second.declared.birth_date
    earlier, later = sorted((first.day, second.day))
    if born is None or age_on(earlier, later) <= JUMP_YEARS:
        return None
    days = {"first": earlier.isoformat(), "last": later.isoformat()}
    years = {"years": age_on(earlier, later), "young": age_on(born, earlier), "old": age_on(born, later)}
    return Message(AGE_JUMPS, {**days, **years})


def _once(found: Iterable[Contradiction]) -> tuple[Contradiction, ...]:
    first: dict[str, Contradiction] = {}
    for one in found:
        first.setdefault(str(one.sentence), one)
    jumps = [one for one in first.values() if one.kind == "age_jumps"]
    largest = max(jumps, key=_jump_years, default=None)
    return tuple(one for one in first.values() if one.kind != "age_jumps" or one is largest)


def _jump_years(jump: Contradiction) -> float:
    return float(str(jump.sentence.params["years"]))
