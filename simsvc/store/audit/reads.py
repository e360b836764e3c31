"""Reads of records and cases in the log: writing them, and who looked at what.

A case reference can name a person, and the subject of an event is never erased. So events name a case by a
random pseudonym, which is erased with the case: then nothing says any more which case it was.

Source: GDPR, Article 4(5), pseudonymisation; EDPB Guidelines 02/2025 on blockchain technologies.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, String, func, insert, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.audit_append import chain, lock_log
from simsvc.store.database import Store
from simsvc.store.tables import EstimateRow, EventRow, Table
from simsvc.values.audit.reads import Read, Views
from simsvc.values.events import EventKind, LoggedEvent, NewEvent

ERASED_CASE = "case"
"""Subject of a read of a case that was erased before the read was written; like that of erasures."""
SHOWN = (str(EventKind.READ), str(EventKind.EXPORT))
"""Kinds of events that tell who looked: a PDF that was taken out was looked at, too."""


class CasePseudonymRow(Table):
    """What events call a case. Erased with the case."""

    __tablename__ = "case_pseudonyms"

    case_reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    pseudonym: Mapped[str] = mapped_column(String(32), unique=True)


class ReadStore(Store):
    """Reads. Every method is one transaction and raises StoreError."""

    def write(self, reads: Sequence[Read]) -> None:
        """Log reads, in the order given; of what was erased meanwhile, only that it was read."""
        with self._database.write_connection() as connection:
            lock_log(connection)  # before pseudonyms are looked up: an erasure cannot come in between
            named = _pseudonyms(connection, {read.case for read in reads if read.case})
            there = _there(connection, {read.record for read in reads if read.record})
            for read in reads:
                subject = f"estimate:{read.record}" if read.record else named[read.case]
                is_there = read.record in there if read.record else subject != ERASED_CASE
                content = read.content if is_there else {}
                chain(connection, NewEvent(EventKind.READ, read.actor, subject, content))

    def of_record(
        self, public_id: str, count: int, before: int | None = None, skipped: int = 0
    ) -> list[LoggedEvent]:
        """Return reads and exports of a record, newest first: its own, and those of its case since it began.

        `before` leaves out the events from that number on. The record may have been erased; then what was
        opened as a case is not found.
        """
        with self._database.reading() as session:
            which = _of_record(session, public_id)
            return _newest(session, which, count, before, skipped)

    def of_case(
        self, reference: str, count: int, before: int | None = None, skipped: int = 0
    ) -> list[LoggedEvent]:
        """Return reads and exports of a case and of its records, newest first."""
        with self._database.reading() as session:
            which = EventRow.subject.in_(_subjects_of_case(session, reference))
            return _newest(session, which, count, before, skipped)

    def subjects_of_case(self, reference: str) -> tuple[str, ...]:
        """Return what events call a case and its records; nothing if there is no such case."""
        with self._database.reading() as session:
            return tuple(_subjects_of_case(session, reference))

    def cases(self, subjects: Iterable[str]) -> dict[str, str]:
        """Return the references of cases by their subjects in events, without those of erased cases."""
        pseudonyms = [subject.removeprefix("case:") for subject in subjects if subject.startswith("case:")]
        query = select(CasePseudonymRow).where(CasePseudonymRow.pseudonym.in_(pseudonyms))
        with self._database.reading() as session:
            return {_subject(row.pseudonym): row.case_reference for row in session.scalars(query)}

    def views_of_record(self, public_id: str) -> Views:
        """Count the reads of a record."""
        with self._database.reading() as session:
            return _views(session, _of_record(session, public_id))

    def views_of_case(self, reference: str) -> Views:
        """Count the reads of a case and of its records."""
        with self._database.reading() as session:
            return _views(session, EventRow.subject.in_(_subjects_of_case(session, reference)))


def pseudonyms_of_erased(session: Session, references: Collection[str]) -> tuple[str, ...]:
    """Return the subjects of those of these cases that have no records any more, and forget them.

    The caller holds the log and erases what events about them say.
    """
    left = set(session.scalars(select(EstimateRow.case_reference).where(_in_cases(references))))
    over = set(references) - left
    rows = session.scalars(select(CasePseudonymRow).where(CasePseudonymRow.case_reference.in_(over))).all()
    for row in rows:
        session.delete(row)
    session.flush()
    return tuple(_subject(row.pseudonym) for row in rows)


def _pseudonyms(connection: Connection, references: Collection[str]) -> dict[str, str]:
    """Return the subjects of cases, those that were not named before included."""
    if not references:
        return {}
    rows = connection.execute(
        select(CasePseudonymRow.case_reference, CasePseudonymRow.pseudonym).where(
            CasePseudonymRow.case_reference.in_(references)
        )
    )
    named = {row.case_reference: _subject(row.pseudonym) for row in rows}
    there = connection.scalars(select(EstimateRow.case_reference).where(_in_cases(references)).distinct())
    for reference in sorted({found for found in there if found} - set(named)):
        pseudonym = secrets.token_hex(16)
        row = {"case_reference": reference, "pseudonym": pseudonym}
        connection.execute(insert(CasePseudonymRow).values(row))
        named[reference] = _subject(pseudonym)
    return {reference: named.get(reference, ERASED_CASE) for reference in references}


def _there(connection: Connection, records: Collection[str]) -> set[str]:
    """Return the records that were not erased, by public ID."""
    if not records:
        return set()
    query = select(EstimateRow.public_id).where(EstimateRow.public_id.in_(sorted(records)))
    return set(connection.scalars(query))


def _in_cases(references: Iterable[str]) -> ColumnElement[bool]:
    return EstimateRow.case_reference.in_(sorted(references))


def _subject(pseudonym: str) -> str:
    return f"case:{pseudonym}"


def _of_record(session: Session, public_id: str) -> ColumnElement[bool]:
    own = EventRow.subject == f"estimate:{public_id}"
    query = (
        select(CasePseudonymRow.pseudonym, EstimateRow.created_at)
        .join(EstimateRow, EstimateRow.case_reference == CasePseudonymRow.case_reference)
        .where(EstimateRow.public_id == public_id)
    )
    case = session.execute(query).one_or_none()
    if case is None:
        return own
    since = case.created_at.replace(tzinfo=None).isoformat(timespec="microseconds")
    either = EventRow.subject.in_([f"estimate:{public_id}", _subject(case.pseudonym)])
    return either & or_(own, EventRow.at >= since)  # `either` is what the index finds


def _subjects_of_case(session: Session, reference: str) -> list[str]:
    records = session.scalars(select(EstimateRow.public_id).where(EstimateRow.case_reference == reference))
    subjects = [f"estimate:{public_id}" for public_id in records]
    pseudonym = session.scalar(
        select(CasePseudonymRow.pseudonym).where(CasePseudonymRow.case_reference == reference)
    )
    return [*subjects, _subject(pseudonym)] if pseudonym else subjects


def _newest(
    session: Session, which: ColumnElement[bool], count: int, before: int | None, skipped: int
) -> list[LoggedEvent]:
    wanted = [which, EventRow.kind.in_(SHOWN)]
    if before is not None:
        wanted.append(EventRow.seq < before)
    return LogSnapshot(session).newest_of(wanted, count, skipped)


def _views(session: Session, which: ColumnElement[bool]) -> Views:
    query = select(func.count(), func.count(EventRow.actor.distinct())).select_from(EventRow)
    count, people = session.execute(query.where(which, EventRow.kind == str(EventKind.READ))).one()
    return Views(count, people)
