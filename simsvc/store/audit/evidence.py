"""What the database says about records, gathered at one instant for evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, selectinload

from simsvc.domain.audit.evidence import receipted
from simsvc.errors import CaseNotFound, EstimateNotFound, EvidenceRefused
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.database import Store
from simsvc.store.records.estimates import recorded_of
from simsvc.store.reviews.decisions import decision_of
from simsvc.store.tables import BuildRow, CropRow, DecisionRow, EstimateRow, EventRow
from simsvc.values.audit.evidence import BuildFacts, EvidenceRecord, Gathered
from simsvc.values.events import EventKind, LoggedEvent

MOST_RECORDS = 500
"""Records in one piece of evidence: with crops of at most 0.5 MB each, below the limits of `verify.py`."""
RECEIPTS = (str(EventKind.ERASURE), str(EventKind.RETENTION))
FIRST = 1
"""Number of the event that says which records are older than the log."""


class EvidenceStore(Store):
    """Reads what evidence holds. Every method raises StoreError."""

    def gather(
        self,
        case: str | None,
        record_ids: Collection[str] = (),
        subjects: Collection[str] = (),
        without: str = "",
    ) -> Gathered:
        """Return the records of a case and those with these IDs, and every event that concerns them.

        `subjects` are further ones whose events belong to the case; events of one kind are left `without`.

        Raises:
            CaseNotFound: the case has no records.
            EstimateNotFound: there was never a record with one of the IDs.
            EvidenceRefused: there are too many records, or the reader may not see all decisions yet.
        """
        with self._database.reading() as session:
            rows = _rows(session, case, record_ids)
            events = LogSnapshot(session)
            ids = tuple(dict.fromkeys([*(row.public_id for row in rows), *record_ids]))
            names = [*(f"estimate:{record_id}" for record_id in ids), *subjects]
            about = events.matching(EventRow.subject.in_(names) & (EventRow.kind != without))
            _see_to_all_found(ids, rows, about)
            found = [*about, *_explaining(events, rows, about)]
            whole = sorted({logged.event.seq: logged for logged in found}.items())
            return Gathered(ids, tuple(_records(session, rows)), tuple(logged for _, logged in whole))

    def events(self, seqs: Iterable[int]) -> tuple[LoggedEvent, ...]:
        """Return the events with these numbers, oldest first."""
        with self._database.reading() as session:
            return tuple(logged for _, logged in sorted(LogSnapshot(session).at(seqs).items()))

    def builds(self, labels: Collection[str]) -> tuple[BuildFacts, ...]:
        """Return what is on record of these index builds."""
        query = select(BuildRow).where(BuildRow.label.in_(labels)).order_by(BuildRow.label)
        with self._database.reading() as session:
            return tuple(
                BuildFacts(
                    row.label,
                    row.manifest_sha256,
                    row.model_sha256,
                    row.count,
                    tuple(row.sources),
                    row.created_at.isoformat(timespec="seconds"),
                )
                for row in session.scalars(query)
            )


def _rows(session: Session, case: str | None, record_ids: Collection[str]) -> Sequence[EstimateRow]:
    wanted: ColumnElement[bool] = EstimateRow.public_id.in_(record_ids)
    if case is not None:
        wanted = or_(wanted, EstimateRow.case_reference == case)
    query = select(EstimateRow).where(wanted).order_by(EstimateRow.sequence).limit(MOST_RECORDS + 1)
    rows = session.scalars(query.options(selectinload(EstimateRow.neighbours))).all()
    if case is not None and all(row.case_reference != case for row in rows):
        raise CaseNotFound()
    if len(rows) > MOST_RECORDS:
        raise EvidenceRefused("too_many", most=MOST_RECORDS)
    return rows


def _see_to_all_found(ids: Iterable[str], rows: Iterable[EstimateRow], about: Iterable[LoggedEvent]) -> None:
    known = {row.public_id for row in rows} | {logged.event.subject.partition(":")[2] for logged in about}
    if not known.issuperset(ids):
        raise EstimateNotFound("not_there")


def _records(session: Session, rows: Sequence[EstimateRow]) -> Iterator[EvidenceRecord]:
    sequences = [row.sequence for row in rows]
    made = session.scalars(
        select(DecisionRow).where(DecisionRow.estimate.in_(sequences)).order_by(DecisionRow.number)
    ).all()
    of_all = DecisionRow.__table__  # a bare table, which a reader's limits leave alone
    total = session.scalar(select(func.count()).where(of_all.c.estimate.in_(sequences)))
    if total != len(made):
        raise EvidenceRefused("second_opinion")
    stored = session.execute(select(CropRow.estimate, CropRow.png).where(CropRow.estimate.in_(sequences)))
    crops = {found.estimate: found.png for found in stored}
    for row in rows:
        decisions = tuple(decision_of(one) for one in made if one.estimate == row.sequence)
        yield EvidenceRecord(recorded_of(row), decisions, crops.get(row.sequence))


def _explaining(
    events: LogSnapshot, rows: Sequence[EstimateRow], about: Sequence[LoggedEvent]
) -> list[LoggedEvent]:
    """Return the events that say where the log begins, what was in service, and what was erased."""
    labels = {f"index:{row.index_label}" for row in rows if row.index_label}
    found = events.matching(or_(EventRow.seq == FIRST, EventRow.subject.in_(labels)))
    made = [logged.event.seq for logged in about if logged.event.kind == EventKind.ESTIMATE]
    models = events.matching(EventRow.kind == str(EventKind.MODEL_SWITCH))
    in_service = {_latest(models, seq) for seq in made}
    found += [logged for logged in models if logged.event.seq in in_service]
    erased = [logged.event.seq for logged in about if logged.content is None]
    if erased:
        receipts = events.matching(EventRow.kind.in_(RECEIPTS) & (EventRow.seq > min(erased)))
        listing = set(receipted(((logged.event.seq, logged.content) for logged in receipts), erased))
        found += [logged for logged in receipts if logged.event.seq in listing]
    return found


def _latest(switches: Sequence[LoggedEvent], before: int) -> int | None:
    """Return the number of the last switch before an event, or None."""
    earlier: list[Any] = [logged.event.seq for logged in switches if logged.event.seq < before]
    return earlier[-1] if earlier else None
