"""Signed-in sessions in the database: of what the cookie holds only a digest."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, ForeignKey, String, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.errors import StoreError, UserNotFound
from simsvc.store.accounts import user_of
from simsvc.store.audit_append import append
from simsvc.store.database import Database, Store
from simsvc.store.tables import Table, UserRow, UtcDateTime
from simsvc.values import SignedSession, SignInMethod, User
from simsvc.values.events import EventKind, NewEvent


class SessionRow(Table):
    """A signed-in session. It counts while its epoch is that of its account, which is not closed."""

    __tablename__ = "sessions"
    __table_args__ = {"sqlite_autoincrement": True}  # a number is never given twice  # noqa: RUF012 - SQLAlchemy's own format

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    account: Mapped[int] = mapped_column(ForeignKey("users.sequence"), index=True)
    epoch: Mapped[int]
    method: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    authenticated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    browser: Mapped[str] = mapped_column(String(32))
    system: Mapped[str] = mapped_column(String(32))
    network: Mapped[str] = mapped_column(String(49))


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that begins."""

    id_sha256: str
    user: User
    method: SignInMethod
    browser: str = ""
    system: str = ""
    network: str = ""


class SessionStore(Store):
    """Signed-in sessions. Every method is one transaction."""

    def __init__(self, database: Database, longest: timedelta, idle: timedelta) -> None:
        """Take how long a session lasts at most, and how long without use."""
        super().__init__(database)
        self._longest = longest
        self._idle = idle

    def begin(self, new: NewSession, now: datetime) -> None:
        """Add a session, and delete those of the account that are over; raises UserNotFound."""
        with self._database.transaction() as session:
            account = session.scalar(select(UserRow.sequence).where(UserRow.public_id == new.user.id))
            if account is None:
                raise UserNotFound()
            over = or_(~self._lasts(now), SessionRow.epoch != new.user.epoch)
            _delete(session, (SessionRow.account == account) & over)
            row = SessionRow(
                id_sha256=new.id_sha256,
                account=account,
                epoch=new.user.epoch,
                method=new.method,
                created_at=now,
                seen_at=now,
                authenticated_at=now,
                browser=new.browser,
                system=new.system,
                network=new.network,
            )
            session.add(row)

    def find(self, id_sha256: str, now: datetime) -> SignedSession | None:
        """Return the session with its account, unless it is over."""
        found = self._select(SessionRow.id_sha256 == id_sha256, now)
        return found[0] if found else None

    def of(self, user_id: str, now: datetime) -> tuple[SignedSession, ...]:
        """Return the sessions of an account, the last used first."""
        return self._select(UserRow.public_id == user_id, now)

    def seen(self, number: int, now: datetime) -> None:
        """Note the time of use, if that can be done at once: a full or locked disk stops no reader."""
        noted = update(SessionRow).where(SessionRow.sequence == number).values(seen_at=now)
        with suppress(StoreError), self._database.hurried() as session:
            session.execute(noted)

    def authenticated(self, number: int, now: datetime) -> None:
        """Note that the person proved again who they are."""
        noted = update(SessionRow).where(SessionRow.sequence == number).values(authenticated_at=now)
        with self._database.transaction() as session:
            session.execute(noted)

    def sign_out(self, session: SignedSession) -> None:
        """End a session by its own sign-out."""
        with self._database.transaction() as transaction:
            _delete(transaction, SessionRow.sequence == session.number)
            append(transaction, _event(session.user.id, f"user:{session.user.id}", outcome="signed_out"))

    def end(self, user_id: str, actor: str, numbers: Iterable[int]) -> int:
        """End these sessions of an account, log it, and return how many there were."""
        account = select(UserRow.sequence).where(UserRow.public_id == user_id).scalar_subquery()
        which = SessionRow.sequence.in_(set(numbers)) & (SessionRow.account == account)
        with self._database.transaction() as session:
            ended = session.scalars(delete(SessionRow).where(which).returning(SessionRow.sequence)).all()
            if ended:
                append(session, _event(user_id, actor, outcome="session_ended", sessions=len(ended)))
            return len(ended)

    def _select(self, which: ColumnElement[bool], now: datetime) -> tuple[SignedSession, ...]:
        in_force = (SessionRow.epoch == UserRow.epoch) & UserRow.disabled_at.is_(None) & self._lasts(now)
        query = select(SessionRow, UserRow).join(UserRow, UserRow.sequence == SessionRow.account)
        with self._database.reading() as session:
            rows = session.execute(query.where(which, in_force).order_by(SessionRow.seen_at.desc()))
            return tuple(_session(*row) for row in rows)

    def _lasts(self, now: datetime) -> ColumnElement[bool]:
        return (SessionRow.created_at > now - self._longest) & (SessionRow.seen_at > now - self._idle)


def _delete(session: Session, which: ColumnElement[bool]) -> None:
    session.execute(delete(SessionRow).where(which), execution_options={"synchronize_session": False})


def _event(user_id: str, actor: str, **said: str | int) -> NewEvent:
    return NewEvent(EventKind.SIGN_IN, actor, f"user:{user_id}", said)


def _session(row: SessionRow, account: UserRow) -> SignedSession:
    return SignedSession(
        number=row.sequence,
        user=user_of(account),
        created_at=row.created_at,
        seen_at=row.seen_at,
        authenticated_at=row.authenticated_at,
        method=cast("SignInMethod", row.method),
        browser=row.browser,
        system=row.system,
        network=row.network,
    )
