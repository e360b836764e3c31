"""Erasing estimates: every row that holds anything personal, in one transaction with the receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Delete, Update, delete, func, or_, select, update
from sqlalchemy.orm import Session

from simsvc.errors import CaseNotFound, EstimateNotFound
from simsvc.store.audit.reads import CasePseudonymRow, pseudonyms_of_erased
from simsvc.store.audit_append import append, erase_contents, lock_log
from simsvc.store.database import Store
from simsvc.store.desk.leases import ended_event
from simsvc.store.records.embeddings import EmbeddingRow
from simsvc.store.request_keys import RequestKeyRow
from simsvc.store.reviews.notifications import NotificationRow
from simsvc.store.reviews.referral_rows import ReferralCommentRow, ReferralRow
from simsvc.store.scrubbing import note_remains
from simsvc.store.tables import (
    BatchPhotoRow,
    BatchRow,
    CropRow,
    DecisionRow,
    ErasedEstimateRow,
    EstimateRow,
    EventContentRow,
    NeighbourRow,
    PhotoRow,
)
from simsvc.values.erasure import ERASED, Erasable, Receipt
from simsvc.values.events import EventKind, NewEvent

PUBLIC_ID_CHARACTERS = 32
"""Of an estimate's public id, with which the result of a request begins."""
_CHILDREN = (NeighbourRow, CropRow, EmbeddingRow, PhotoRow, DecisionRow, ReferralCommentRow, ReferralRow)
_ERASED_FROM = (
    *(EstimateRow, *_CHILDREN, BatchPhotoRow, BatchRow, EventContentRow, RequestKeyRow),
    NotificationRow,
    CasePseudonymRow,
)
TABLES = tuple(row.__tablename__ for row in _ERASED_FROM)
_COUNTED = (CropRow, PhotoRow, DecisionRow, ReferralRow)


class ErasureStore(Store):
    """Finds and deletes everything of an estimate or a case; for what files keep, see `store.scrubbing`."""

    def of_estimate(self, public_id: str) -> Erasable:
        """Return what there is of an estimate; raises EstimateNotFound."""
        with self._database.reading() as session:
            return _erasable(session, _estimate(public_id), None)

    def of_case(self, reference: str) -> Erasable:
        """Return what there is of a case; raises CaseNotFound."""
        with self._database.reading() as session:
            return _erasable(session, EstimateRow.case_reference == reference, reference)

    def erase_estimate(self, public_id: str, actor: str, now: datetime) -> Receipt:
        """Erase an estimate with everything about it; raises EstimateNotFound if no estimate has that id."""
        with self._database.transaction() as session:
            found = _erasable(session, _estimate(public_id), None)
            return _erase(session, found, f"estimate:{public_id}", None, actor, now)

    def erase_case(self, reference: str, actor: str, now: datetime) -> Receipt:
        """Erase a case, and its reference everywhere; raises CaseNotFound if nothing has that reference."""
        with self._database.transaction() as session:
            found = _erasable(session, EstimateRow.case_reference == reference, reference)
            return _erase(session, found, "case", reference, actor, now)


def _estimate(public_id: str) -> ColumnElement[bool]:
    return EstimateRow.public_id == public_id


def _erasable(session: Session, which: ColumnElement[bool], reference: str | None) -> Erasable:
    found = session.execute(
        select(EstimateRow.sequence, EstimateRow.public_id).where(which).order_by(EstimateRow.sequence)
    ).all()
    sequences, ids = [row.sequence for row in found], tuple(row.public_id for row in found)
    photos = session.execute(
        select(BatchRow.public_id, BatchPhotoRow.position, BatchPhotoRow.status)
        .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
        .where(_in_batches(ids, reference))
    ).all()
    if not ids and not photos:
        raise _not_found(reference)
    counts = {"records": len(ids)}
    for table in _COUNTED:
        query = select(func.count()).select_from(table).where(table.estimate.in_(sequences))
        counts[table.__tablename__] = session.scalar(query) or 0
    counts["batch_photos"] = len(photos)
    waiting = tuple((row.public_id, row.position) for row in photos if row.status == "waiting")
    return Erasable(ids, counts, waiting)


def _in_batches(ids: Collection[str], reference: str | None) -> ColumnElement[bool]:
    of_records = BatchPhotoRow.estimate_id.in_(list(ids))
    return of_records if reference is None else or_(of_records, BatchPhotoRow.case_reference == reference)


def _erase(
    session: Session, found: Erasable, subject: str, reference: str | None, actor: str, now: datetime
) -> Receipt:
    """Delete and blank the rows, then log the receipt, which names records by number only."""
    ids = list(found.record_ids)
    sequences = select(EstimateRow.sequence).where(EstimateRow.public_id.in_(ids))
    cases = _cases(session, ids, reference)
    blanked, ended = _blank_batches(session, ids, reference)
    for table in _CHILDREN:
        session.execute(delete(table).where(table.estimate.in_(sequences)))
    session.execute(delete(EstimateRow).where(EstimateRow.public_id.in_(ids)))
    session.add_all(ErasedEstimateRow(public_id=public_id, erased_at=now) for public_id in ids)
    _forget_requests(session, ids)
    _run(session, delete(NotificationRow).where(NotificationRow.estimate_id.in_(ids)))
    events = erase_contents(session, [f"estimate:{public_id}" for public_id in ids])
    lock_log(session.connection())  # from here on no read can name these cases again
    events += erase_contents(session, pseudonyms_of_erased(session, cases))
    content = {
        **found.counts,
        "record_ids": ids,
        "records_sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "events": sorted(events),
        "blanked": blanked,
    }
    event = append(session, NewEvent(EventKind.ERASURE, actor, subject, content))
    for further in ended:
        append(session, further)
    note_remains(session, event.seq, TABLES, now)
    return Receipt(event.seq, found)


def _cases(session: Session, ids: Sequence[str], reference: str | None) -> set[str]:
    """Return the references of the cases that lose records."""
    query = select(EstimateRow.case_reference).where(EstimateRow.public_id.in_(ids)).distinct()
    return {case for case in (*session.scalars(query), reference) if case}


def _blank_batches(
    session: Session, ids: Sequence[str], reference: str | None
) -> tuple[dict[str, list[int]], list[NewEvent]]:
    """Take names and references out of batches; what was not judged yet never will be.

    Return the positions of the photos by batch, and the events of batches that end with that.

    A batch is called after its first photo, its folder or its ZIP file, each of which may name the person
    whose photo is erased: the batch loses its name with the first of its photos that is erased.
    """
    which = _in_batches(ids, reference)
    blanked, ending = _to_blank(session, which)
    photos = update(BatchPhotoRow)
    failed = {"status": "failed", "leased_by": None, "lease_until": None}
    _run(session, photos.where(which & (BatchPhotoRow.status == "waiting")).values(failed))
    blank = photos.values(photo_name=ERASED, sentence=None, message=None, age_years=None, code=ERASED)
    _run(session, blank.where(which))
    _run(session, photos.where(which).values(case_reference=None, birth_date=None, photo_date=None))
    named = BatchRow.public_id.in_(list(blanked))
    _run(session, update(BatchRow).where(named).values(name=ERASED, notes=None))
    ended = (ended_event(session, batch_id) for batch_id in sorted(ending))
    return blanked, [event for event in ended if event]


def _to_blank(session: Session, which: ColumnElement[bool]) -> tuple[dict[str, list[int]], set[str]]:
    """Return the positions of these photos by batch, and the batches of those that wait."""
    query = select(BatchRow.public_id, BatchPhotoRow.position, BatchPhotoRow.status)
    query = query.join(BatchPhotoRow, BatchPhotoRow.batch == BatchRow.sequence).where(which)
    query = query.order_by(BatchRow.sequence, BatchPhotoRow.position)
    blanked: dict[str, list[int]] = {}
    ending: set[str] = set()
    for batch_id, position, status in session.execute(
        query.order_by(BatchRow.sequence, BatchPhotoRow.position)
    ):
        blanked.setdefault(batch_id, []).append(position)
        if status == "waiting":
            ending.add(batch_id)
    return blanked, ending


def _forget_requests(session: Session, ids: Sequence[str]) -> None:
    """Delete the keys of requests: clients choose them, and a plain digest of few words can be guessed."""
    record_id = func.substr(RequestKeyRow.result, 1, PUBLIC_ID_CHARACTERS)
    _run(session, delete(RequestKeyRow).where(record_id.in_(ids)))


def _run(session: Session, statement: Update | Delete) -> None:
    session.execute(statement, execution_options={"synchronize_session": False})


def _not_found(reference: str | None) -> CaseNotFound | EstimateNotFound:
    if reference is None:
        return EstimateNotFound("not_there")
    return CaseNotFound()
