"""Taking over what one host kept in files."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select

from simsvc.store.audit_append import lock_log
from simsvc.store.database import Store
from simsvc.store.index.face_sets import FaceSetRow
from simsvc.store.index.pointer import ONLY, ServedPointerRow


class AdoptionStore(Store):
    """Fills a database that knows of no build in service and no face changes yet."""

    def adopt(self, label: str | None, lines: Sequence[str]) -> bool:
        """Store a pointer and sets of face changes, unless there is either; say whether they were stored.

        Raises StoreError if the database cannot be used.
        """
        with self._database.transaction() as session:
            lock_log(session.connection())
            known = (select(ServedPointerRow.id), select(FaceSetRow.number))
            if any(session.scalar(query.limit(1)) is not None for query in known):
                return False
            if label is not None:
                session.add(ServedPointerRow(id=ONLY, label=label, number=1))
            rows = [{"number": number, "line": line} for number, line in enumerate(lines, 1)]
            if rows:
                session.execute(insert(FaceSetRow), rows)
            return True
