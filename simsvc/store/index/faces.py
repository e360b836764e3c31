"""Labelled faces on record, and what was done to them without a build."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import delete, select

from simsvc.domain.gallery.face_changes import ErasedSets
from simsvc.store.audit_append import append, erase_contents, lock_log
from simsvc.store.database import Store
from simsvc.store.index.builds import face_rows
from simsvc.store.scrubbing import note_remains
from simsvc.store.tables import EventContentRow, EventRow, FaceRow
from simsvc.values import FaceEvent, LabelledFace
from simsvc.values.events import EventKind, NewEvent

NOTHING: Mapping[str, object] = MappingProxyType({})


class FaceStore(Store):
    """Knows every labelled face of any build."""

    def find(self, face_id: str) -> LabelledFace | None:
        """Return a face with its latest label, or None."""
        with self._database.reading() as session:
            row = session.get(FaceRow, face_id)
            return LabelledFace(row.face_id, row.age_years, row.source, row.reference) if row else None

    def put(
        self,
        faces: Sequence[LabelledFace],
        what: str,
        actor: str,
        write: Callable[[], int],
        said: Mapping[str, object] = NOTHING,
    ) -> int:
        """Put faces and the event on record together with what `write` does, and return its number.

        The event says how many faces, which set of changes and what else is `said`; of one face its subject
        says which.
        """
        subject = f"face:{faces[0].face_id}" if len(faces) == 1 else "faces"
        with self._database.shared_transaction() as session:
            face_rows(session, faces)
            session.flush()
            lock_log(session.connection())  # whoever holds it finds the file as the log has it
            number = write()
            content = {"what": what, "faces": len(faces), "face_changes": number, **said}
            append(session, NewEvent(EventKind.FACE, actor, subject, content))
        return number

    def history(self, face_id: str) -> list[FaceEvent]:
        """Return what was done to a face alone, oldest first; nothing about erased contents."""
        query = (
            select(EventRow.at, EventRow.actor, EventContentRow.content)
            .join(EventContentRow, EventContentRow.seq == EventRow.seq)
            .where(EventRow.kind == str(EventKind.FACE), EventRow.subject == f"face:{face_id}")
            .order_by(EventRow.seq)
        )
        with self._database.reading() as session:
            return [_event(*row) for row in session.execute(query)]

    def added_at(self, face_changes: int) -> datetime | None:
        """Return when a set of changes was logged, or None."""
        query = (
            select(EventRow.at, EventContentRow.content)
            .join(EventContentRow, EventContentRow.seq == EventRow.seq)
            .where(EventRow.kind == str(EventKind.FACE))
        )
        with self._database.reading() as session:
            for at, content in session.execute(query):
                if json.loads(content).get("face_changes") == face_changes:
                    return datetime.fromisoformat(at)
        return None

    def erase(self, face_id: str, actor: str, write: Callable[[], ErasedSets], now: datetime) -> int:
        """Delete a face's row and log contents together with what `write` does; return the receipt."""
        subject = f"face:{face_id}"
        with self._database.shared_transaction() as session:
            session.execute(delete(FaceRow).where(FaceRow.face_id == face_id))
            lock_log(session.connection())
            erased = write()
            events = erase_contents(session, [subject])
            sets = {str(number): sha256 for number, sha256 in erased.sha256s.items()}
            content = {"face_changes": erased.number, "events": list(events), "sets": sets}
            seq = append(session, NewEvent(EventKind.ERASURE, actor, subject, content)).seq
            note_remains(session, seq, ("faces", "event_contents", "face_change_sets"), now)
            return seq


def _event(at: str, actor: str, content: str) -> FaceEvent:
    said = json.loads(content)
    return FaceEvent(
        datetime.fromisoformat(at),
        actor.removeprefix("user:"),
        said["what"],
        said.get("reason", ""),
        said.get("previous_age_years"),
        said.get("age_years"),
    )
