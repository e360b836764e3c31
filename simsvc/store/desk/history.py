"""The history: estimates by what they are searched for, with the decision that counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, or_, select

from simsvc.domain.desk.verdict import verdict_of
from simsvc.store.database import SEARCH, Store
from simsvc.store.derived import OUTCOMES
from simsvc.store.records.estimates import recorded_of
from simsvc.store.reviews.decisions import decision_of
from simsvc.store.reviews.referrals import sent_records
from simsvc.store.tables import DecisionRow, EstimateRow
from simsvc.values import DECISION_KINDS, Decision, RecordedEstimate, Verdict

STATUSES = OUTCOMES
DECIDED = ("undecided", *DECISION_KINDS)
PAGE_ROWS = 25
EXPORT_ROWS = 500
"""Rows read at a time, so that an export of any length needs little memory and holds no lock for long."""
MOST_COUNTED = 1_000
"""Where `HistoryStore.counts` ends: pages show "999+" then, and counting takes the same time in any table."""

ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a condition is not asked for: some instant it must have."""
_LATEST = (
    select(func.max(DecisionRow.number))
    .where(DecisionRow.estimate == EstimateRow.sequence)
    .correlate(EstimateRow)
    .scalar_subquery()
)
SORTS: dict[str, Any] = {
    "newest": EstimateRow.sequence.desc(),
    "oldest": EstimateRow.sequence.asc(),
    "youngest": EstimateRow.age_years.asc().nulls_last(),
    "eldest": EstimateRow.age_years.desc().nulls_last(),
    "case": EstimateRow.case_reference.asc().nulls_last(),
    "decided": EstimateRow.decided_at.desc().nulls_last(),
}


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What a record must be to be listed; an empty field asks nothing.

    Attributes:
        case: part of the case reference.
        since: first day, UTC.
        until: last day, UTC.
        person: public id of who asked or decided.
        status: of `STATUSES`.
        decision: of `DECIDED`, of the decision that counts.
        recorded_since: instant, recorded at it or later.
        recorded_before: instant, recorded earlier.
        verdict: of `values.VERDICTS`.
        asked_by: public id of who asked.
        decided_since: instant, the decision that counts was made at it or later.
        number: the record's number.
        public_id: the record's public id.
        whole_case: the case reference.
        file: part of the name of the photo's file.
        note: part of a note or a reason of a decision.
        sent_to: public id of the account whose answer an open referral waits for.
        sent_to_team: the account's team, whose queue counts too.
    """

    case: str = ""
    since: date | None = None
    until: date | None = None
    person: str = ""
    status: str = ""
    flag: str = ""
    model: str = ""
    index: str = ""
    decision: str = ""
    recorded_since: datetime | None = None
    recorded_before: datetime | None = None
    verdict: str = ""
    asked_by: str = ""
    decided_since: datetime | None = None
    number: int | None = None
    public_id: str = ""
    whole_case: str = ""
    file: str = ""
    note: str = ""
    sent_to: str = ""
    sent_to_team: str = ""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A record without its neighbours and crop, and the decision that counts."""

    recorded: RecordedEstimate
    decision: Decision | None

    @property
    def verdict(self) -> Verdict | None:
        """Return whether the declared age fits the estimate."""
        return verdict_of(self.recorded)


@dataclass(frozen=True, slots=True)
class FoundCase:
    """A case and how many of its records were found."""

    reference: str
    records: int


class HistoryStore(Store):
    """Searches what is on record."""

    def page(self, wanted: HistoryFilter, sort: str, page: int) -> tuple[int, list[HistoryRow]]:
        """Return how many records there are, and those of page 1 and up."""
        conditions = _conditions(wanted)
        count = select(func.count(EstimateRow.sequence)).where(*conditions)
        rows = _sorted(wanted, sort).limit(PAGE_ROWS).offset((page - 1) * PAGE_ROWS)
        with self._database.reading() as session:
            total = session.scalar(count, execution_options=SEARCH) or 0
            found = session.execute(rows, execution_options=SEARCH)
            return total, [_history_row(*row) for row in found]

    def some(self, wanted: HistoryFilter, sort: str, start: int, count: int) -> list[HistoryRow]:
        """Return up to `count` records without the first `start`, without counting all of them."""
        rows = _sorted(wanted, sort).limit(count).offset(start)
        with self._database.reading() as session:
            return [_history_row(*row) for row in session.execute(rows, execution_options=SEARCH)]

    def counts(self, asked: Mapping[str, HistoryFilter]) -> dict[str, int]:
        """Return how many records there are for each filter, by its name, each up to `MOST_COUNTED`."""
        columns = [_count(wanted).label(name) for name, wanted in asked.items()]
        with self._database.reading() as session:
            found = session.execute(select(*columns), execution_options=SEARCH).one()
        return dict(zip(asked, (count or 0 for count in found), strict=True))

    def cases(self, wanted: HistoryFilter, count: int) -> list[FoundCase]:
        """Return up to `count` cases of the records, the one with the latest record first."""
        reference, records = EstimateRow.case_reference, func.count(EstimateRow.sequence)
        query = select(reference, records).where(*_conditions(wanted), reference.is_not(None))
        latest = query.group_by(reference).order_by(func.max(EstimateRow.sequence).desc()).limit(count)
        with self._database.reading() as session:
            return [
                FoundCase(str(case), number)
                for case, number in session.execute(latest, execution_options=SEARCH)
            ]

    def every(self, wanted: HistoryFilter) -> Iterator[HistoryRow]:
        """Give every record, newest first; what is recorded meanwhile is left out."""
        before = None
        while True:
            rows = self.older(wanted, before, EXPORT_ROWS)
            yield from rows
            if len(rows) < EXPORT_ROWS:
                return
            before = rows[-1].recorded.number

    def older(self, wanted: HistoryFilter, before: int | None, count: int) -> list[HistoryRow]:
        """Return up to `count` records, newest first, of lower running numbers than `before`."""
        query = _rows().where(*_conditions(wanted)).order_by(EstimateRow.sequence.desc())
        older = query if before is None else query.where(EstimateRow.sequence < before)
        with self._database.reading() as session:
            found = session.execute(older.limit(count), execution_options=SEARCH)
            return [_history_row(*row) for row in found]

    def choices(self) -> tuple[list[str], list[str]]:
        """Return the models and the indexes that records name."""
        with self._database.reading() as session:
            pairs = session.execute(
                select(EstimateRow.model_version, EstimateRow.index_label).distinct()
            ).all()
        models, indexes = (sorted({str(pair[place]) for pair in pairs if pair[place]}) for place in (0, 1))
        return models, indexes


def _rows() -> Select[Any]:
    """Select records with the decision that counts."""
    both: Any = select(EstimateRow, DecisionRow)  # Select[Any] holds no pair for mypy
    counts = and_(DecisionRow.estimate == EstimateRow.sequence, DecisionRow.number == _LATEST)
    joined: Select[Any] = both.select_from(EstimateRow).outerjoin(DecisionRow, counts)
    return joined


def _sorted(wanted: HistoryFilter, sort: str) -> Select[Any]:
    order = SORTS[sort]
    if sort == "decided" and (wanted.decided_since or wanted.decision not in {"", "undecided"}):
        order = EstimateRow.decided_at.desc()  # all of them are decided, so that an index has this order
    return _rows().where(*_conditions(wanted)).order_by(order, EstimateRow.sequence.desc())


def _count(wanted: HistoryFilter) -> Any:
    some = select(EstimateRow.sequence).where(*_conditions(wanted)).limit(MOST_COUNTED)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


def _history_row(row: EstimateRow, decided: DecisionRow | None) -> HistoryRow:
    return HistoryRow(recorded_of(row, evidence=False), decision_of(decided) if decided else None)


def _conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    """Return what a record must fulfil; every query of records asks here."""
    found: list[tuple[object, ColumnElement[bool]]] = [
        (wanted.case, EstimateRow.case_reference.icontains(wanted.case, autoescape=True)),
        (wanted.since, EstimateRow.created_at >= _midnight(wanted.since)),
        (wanted.until, EstimateRow.created_at < _midnight(wanted.until, 1)),
        (wanted.recorded_since, EstimateRow.created_at >= (wanted.recorded_since or ANY_TIME)),
        (wanted.recorded_before, EstimateRow.created_at < (wanted.recorded_before or ANY_TIME)),
        (wanted.person, or_(EstimateRow.asked_by == wanted.person, _has_decision(_made_by(wanted.person)))),
        (wanted.flag, cast(EstimateRow.flags, String).contains(f'"{wanted.flag}"', autoescape=True)),
        (wanted.model, EstimateRow.model_version == wanted.model),
        (wanted.index, EstimateRow.index_label == wanted.index),
        (wanted.decision, _decided(wanted.decision)),
        (wanted.status, EstimateRow.outcome == constant(wanted.status)),
        (wanted.verdict, EstimateRow.verdict == constant(wanted.verdict)),
        (wanted.asked_by, EstimateRow.asked_by == wanted.asked_by),
        (wanted.decided_since, EstimateRow.decided_at >= (wanted.decided_since or ANY_TIME)),
        (wanted.number, EstimateRow.sequence == wanted.number),
        (wanted.public_id, EstimateRow.public_id == wanted.public_id),
        (wanted.whole_case, EstimateRow.case_reference == wanted.whole_case),
        (wanted.file, EstimateRow.photo_name.icontains(wanted.file, autoescape=True)),
        (wanted.note, _has_decision(_says(wanted.note))),
        (wanted.sent_to, EstimateRow.sequence.in_(sent_records(wanted.sent_to, wanted.sent_to_team))),
    ]
    return [condition for asked, condition in found if asked]


def _decided(decision: str) -> ColumnElement[bool]:
    current = EstimateRow.decision
    return current.is_(None) if decision == "undecided" else current == constant(decision)


def constant(word: str) -> ColumnElement[str]:
    """Return a word of a fixed list as part of the statement: an index of some rows only is used then."""
    return literal(word, String, literal_execute=True)


def _has_decision(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return EstimateRow.sequence.in_(select(DecisionRow.estimate).where(which))


def _made_by(person: str) -> ColumnElement[bool]:
    return DecisionRow.decided_by == person


def _says(words: str) -> ColumnElement[bool]:
    note, reason = DecisionRow.note, DecisionRow.reason
    return or_(note.icontains(words, autoescape=True), reason.icontains(words, autoescape=True))


def _midnight(day: date | None, later_days: int = 0) -> datetime:
    return datetime.combine(day or date(2000, 1, 1), time(), UTC) + timedelta(days=later_days)
