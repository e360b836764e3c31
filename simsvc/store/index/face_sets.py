"""Face changes, for all hosts that share the database: numbered sets, as `face-changes.txt` has lines."""

from __future__ import annotations

import threading

from sqlalchemy import Text, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.domain.gallery.face_changes import (
    ChangeSet,
    ErasedSets,
    from_lines,
    lines_sha256,
    to_line,
)
from simsvc.domain.gallery.set_history import SetHistory
from simsvc.store.audit_append import lock_log
from simsvc.store.database import Database, Store
from simsvc.store.tables import Table


class FaceSetRow(Table):
    """A set of face changes. Rows are added; erasures replace what concerns a face."""

    __tablename__ = "face_change_sets"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[str] = mapped_column(Text)
    """`domain.gallery.face_changes.to_line`."""


class FaceSetStore(Store, SetHistory):
    """The sets. Whoever writes holds the log's turn; readers fetch what is new since they last read."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._reading = threading.Lock()
        self._seen: tuple[int, tuple[ChangeSet, ...]] = (0, ())

    def stamp(self) -> int:
        """Return the number of the last set, or 0."""
        with self._database.reading() as session:
            return _last(session)

    def append(self, changes: ChangeSet) -> int:
        """Add a set, in the transaction that logs it if there is one, and return its number."""
        with self._database.joined() as session:
            lock_log(session.connection())
            return _add(session, to_line(changes))

    def sha256s(self) -> tuple[str, ...]:
        """Return the SHA-256 of all sets as they are stored."""
        with self._database.reading() as session:
            return lines_sha256(_lines(session))

    def erase(self, face_ids: frozenset[str]) -> ErasedSets:
        """Remove everything about faces, in the transaction that logs it, and return what that changed.

        Raises IndexDamaged if a line is damaged.
        """
        with self._database.joined() as session:
            lock_log(session.connection())
            rows = session.execute(
                select(FaceSetRow.number, FaceSetRow.line).order_by(FaceSetRow.number)
            ).all()
            sets = from_lines("".join(line for _, line in rows).encode())
            fresh = [
                (row.number, row.line, to_line(one.without(face_ids)))
                for row, one in zip(rows, sets, strict=True)
            ]
            changed = {number: line for number, before, line in fresh if line != before}
            for number, line in changed.items():
                session.execute(update(FaceSetRow).where(FaceSetRow.number == number).values(line=line))
            last = to_line(ChangeSet(erased=face_ids))
            changed[_add(session, last)] = last
        return ErasedSets(max(changed), {number: line.partition(" ")[0] for number, line in changed.items()})

    def _sets(self) -> tuple[ChangeSet, ...]:
        """Return all sets, having read those that are new; all of them where one erases from earlier ones."""
        with self._reading, self._database.reading() as session:
            (seen, sets), last = self._seen, _last(session)
            if last == seen:
                return sets
            fresh = from_lines(_lines(session, seen), seen + 1) if last > seen else ()
            if last < seen or any(one.erased for one in fresh):
                sets, fresh = (), from_lines(_lines(session))
            self._seen = last, (*sets, *fresh)
            return self._seen[1]


def _add(session: Session, line: str) -> int:
    number = _last(session) + 1
    session.execute(insert(FaceSetRow), {"number": number, "line": line})
    return number


def _last(session: Session) -> int:
    return session.scalar(select(func.max(FaceSetRow.number))) or 0


def _lines(session: Session, after: int = 0) -> bytes:
    query = select(FaceSetRow.line).where(FaceSetRow.number > after).order_by(FaceSetRow.number)
    return "".join(session.scalars(query)).encode()
