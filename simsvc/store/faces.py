"""Labelled faces on record, and what was done to them without a build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import delete

from simsvc.store.audit_append import append, erase_contents
from simsvc.store.builds import face_rows
from simsvc.store.database import Store
from simsvc.store.scrubbing import note_remains
from simsvc.store.tables import FaceRow
from simsvc.values import LabelledFace
from simsvc.values.events import EventKind, NewEvent


class FaceStore(Store):
    """Knows every labelled face of any build."""

    def find(self, face_id: str) -> LabelledFace | None:
        """Return a face with its latest label, or None."""
        with self._database.reading() as session:
            row = session.get(FaceRow, face_id)
            return LabelledFace(row.face_id, row.age_years, row.source, row.reference) if row else None

    def put(self, faces: Sequence[LabelledFace], what: str, actor: str, write: Callable[[], int]) -> int:
        """Put faces and the event on record together with what `write` does, and return its number.

        The event says how many faces and which set of changes; of one face its subject says which.
        """
        subject = f"face:{faces[0].face_id}" if len(faces) == 1 else "faces"
        with self._database.transaction() as session:
            face_rows(session, faces)
            number = write()
            content = {"what": what, "faces": len(faces), "face_changes": number}
            append(session, NewEvent(EventKind.FACE, actor, subject, content))
        return number

    def erase(self, face_id: str, actor: str, write: Callable[[], int], now: datetime) -> int:
        """Delete a face's row and log contents together with what `write` does; return the receipt."""
        subject = f"face:{face_id}"
        with self._database.transaction() as session:
            session.execute(delete(FaceRow).where(FaceRow.face_id == face_id))
            number = write()
            events = erase_contents(session, [subject])
            content = {"face_changes": number, "events": list(events)}
            seq = append(session, NewEvent(EventKind.ERASURE, actor, subject, content)).seq
            note_remains(session, seq, ("faces", "event_contents"), now)
            return seq
