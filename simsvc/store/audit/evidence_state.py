"""What tables say of the rows that concern evidence, and the events that speak the log's word on them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Set

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from simsvc.domain.audit.state import STATE, photo_result
from simsvc.domain.chunks import chunks_of
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.audit.state import rows_by_key
from simsvc.store.database import Store
from simsvc.store.tables import BatchPhotoRow, BatchRow, EventRow
from simsvc.values.audit.evidence import Facts, InService, StateNow
from simsvc.values.events import EventFilter, EventKind, LoggedEvent

LATEST = 3
"""Latest switches that evidence holds; one may have come between looking at the files and at the log."""
CONDITIONS = 100
"""Photos that are looked up at a time: SQLite nests conditions no deeper than 1,000."""
OF_BATCHES = EventFilter(kind=str(EventKind.BATCH))
_RECORD_ID = re.compile(r"[0-9a-f]{32}")


class EvidenceStateStore(Store):
    """Reads rows that concern records. Every method raises StoreError.

    They say nothing of a person but what the log says, so that a reader's limits are left aside.
    """

    def state(self, actors: Collection[str], records: Set[str], served: InService) -> StateNow:
        """Return the rows of accounts and tokens that acted, and of the batches that these records came in.

        `actors` are those of events, `records` public IDs of records that are not erased.
        """
        with self._database.unlimited().reading() as session:
            log = LogSnapshot(session)
            last = session.scalar(select(func.max(EventRow.seq))) or 0
            photos = _photos(session, log, records)
            batches = {key.partition("/")[0] for key in photos}
            users, tokens = _of_kind(actors, "user:"), _of_kind(actors, "token:")
            words = [
                _about("user:", users, EventKind.ACCOUNT),
                _about("token:", tokens, EventKind.TOKEN),
                _about("batch:", batches, EventKind.BATCH),
                (EventRow.subject == STATE) & (EventRow.kind == str(EventKind.SETTINGS)),
            ]
            found = [logged for which in words for logged in log.matching(which)]
            found += _of_service(log, served)
            return StateNow(
                last,
                rows_by_key(session, "users", users),
                rows_by_key(session, "tokens", tokens),
                rows_by_key(session, "batches", batches),
                photos,
                tuple(logged for _, logged in sorted({one.event.seq: one for one in found}.items())),
            )


def _of_kind(actors: Iterable[str], prefix: str) -> set[str]:
    return {actor.removeprefix(prefix) for actor in actors if actor.startswith(prefix)}


def _about(prefix: str, keys: Iterable[str], kind: EventKind) -> ColumnElement[bool]:
    return EventRow.subject.in_([f"{prefix}{key}" for key in sorted(keys)]) & (EventRow.kind == str(kind))


def _of_service(log: LogSnapshot, served: InService) -> list[LoggedEvent]:
    """Return the latest switches, and the events about the build and the model in service."""
    found = [
        logged
        for kind in (EventKind.INDEX_SWITCH, EventKind.MODEL_SWITCH)
        for logged in log.newest_of([EventRow.kind == str(kind)], LATEST)
    ]
    if served.index is not None:
        found += log.matching(_about("index:", [served.index.label], EventKind.BUILD))
    if served.model is not None:
        switches = log.matching(EventRow.kind == str(EventKind.MODEL_SWITCH))
        found += [one for one in switches if served.model.bundle_sha256 in (one.content or "")]
    return found


def _photos(session: Session, log: LogSnapshot, records: Set[str]) -> dict[str, Facts | None]:
    """Return what became of the photos of these records in batches, by "batch/position".

    They are those that the table says became the records, and those that the log says did.
    """
    found: dict[str, Facts | None] = dict.fromkeys(_logged_photos(session, log, records))
    which: list[ColumnElement[bool]] = [BatchPhotoRow.estimate_id.in_(sorted(records))]
    for batch_id, _, number in (key.partition("/") for key in found):
        which.append((BatchRow.public_id == batch_id) & (BatchPhotoRow.position == int(number)))
    columns = (BatchPhotoRow.status, BatchPhotoRow.code, BatchPhotoRow.estimate_id, BatchPhotoRow.age_years)
    query = select(BatchRow.public_id, BatchPhotoRow.position, *columns)
    query = query.join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
    for chunk in chunks_of(which, CONDITIONS):
        for batch_id, position, status, code, record_id, age_years in session.execute(
            query.where(or_(*chunk))
        ):
            found[f"{batch_id}/{position}"] = {
                "result": photo_result(status, code, record_id),
                "status": status,
                "code": code,
                "age_years": age_years,
            }
    return dict(sorted(found.items()))


def _logged_photos(session: Session, log: LogSnapshot, records: Set[str]) -> Iterator[str]:
    """Give "batch/position" of photos that became these records as the events of batches say.

    Only the events of batches since the first of the records are read.
    """
    subjects = [f"estimate:{record_id}" for record_id in records]
    made = EventRow.subject.in_(subjects) & (EventRow.kind == str(EventKind.ESTIMATE))
    seq = session.scalar(select(func.min(EventRow.seq)).where(made)) or 0
    while records and (page := log.after(seq, wanted=OF_BATCHES)):
        for logged in page:
            if not records.isdisjoint(_RECORD_ID.findall(logged.content or "")):
                batch_id = logged.event.subject.partition(":")[2]
                yield from (f"{batch_id}/{position}" for position in _positions(logged, records))
        seq = page[-1].event.seq


def _positions(logged: LoggedEvent, records: Set[str]) -> list[int]:
    try:
        results = json.loads(logged.content or "{}").get("results") or ()
        return [position for position, result in enumerate(results) if result in records]
    except (ValueError, TypeError, AttributeError):  # tampered with
        return []
