"""Signed-in sessions in the database: of what the cookie holds only a digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, ForeignKey, Row, String, bindparam, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.errors import StoreError, UserNotFound
from simsvc.store.access.accounts import user_of
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
            over = ~_LASTS | (SessionRow.epoch != new.user.epoch)
            _delete(session, (SessionRow.account == account) & over, self._limits(now))
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
        """Return the session with its account, unless it is over; every request asks."""
        with self._database.read_connection() as connection:
            row = connection.execute(_FIND, {"id_sha256": id_sha256, **self._limits(now)}).one_or_none()
            return _session(row) if row else None

    def of(self, user_id: str, now: datetime) -> tuple[SignedSession, ...]:
        """Return the sessions of an account, the last used first."""
        with self._database.read_connection() as connection:
            rows = connection.execute(_OF_ACCOUNT, {"public_id": user_id, **self._limits(now)})
            return tuple(_session(row) for row in rows)

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
                said = {"outcome": "session_ended", "sessions": len(ended)}
                append(session, NewEvent(EventKind.SESSION, actor, f"user:{user_id}", said))
            return len(ended)

    def _limits(self, now: datetime) -> dict[str, datetime]:
        return {"begun_after": now - self._longest, "seen_after": now - self._idle}


_LASTS = (SessionRow.created_at > bindparam("begun_after")) & (SessionRow.seen_at > bindparam("seen_after"))
_IN_FORCE = _LASTS & (SessionRow.epoch == UserRow.epoch) & UserRow.disabled_at.is_(None)
_OF_SESSION = ("seen_at", "authenticated_at", "method", "browser", "system", "network")
_NOT_OF_USER = frozenset({"sequence", "totp_secret", "totp_last_step"})
"""Columns of the account that `user_of` does not read."""
_ALL = (
    select(
        SessionRow.sequence.label("number"),
        SessionRow.created_at.label("begun_at"),
        *(getattr(SessionRow, name) for name in _OF_SESSION),
        *(column for column in UserRow.__table__.columns if column.name not in _NOT_OF_USER),
    )
    .join_from(SessionRow, UserRow, UserRow.sequence == SessionRow.account)
    .where(_IN_FORCE)
)
_FIND = _ALL.where(SessionRow.id_sha256 == bindparam("id_sha256"))
_OF_ACCOUNT = _ALL.where(UserRow.public_id == bindparam("public_id")).order_by(SessionRow.seen_at.desc())


def _delete(
    session: Session, which: ColumnElement[bool], limits: Mapping[str, datetime] | None = None
) -> None:
    quietly = {"synchronize_session": False}
    session.execute(delete(SessionRow).where(which), limits, execution_options=quietly)


def _event(user_id: str, actor: str, **said: str | int) -> NewEvent:
    return NewEvent(EventKind.SIGN_IN, actor, f"user:{user_id}", said)


def _session(row: Row[Any]) -> SignedSession:
    return SignedSession(
        number=row.number,
        user=user_of(row),
        created_at=row.begun_at,
        seen_at=row.seen_at,
        authenticated_at=row.authenticated_at,
        method=cast("SignInMethod", row.method),
        browser=row.browser,
        system=row.system,
        network=row.network,
    )
