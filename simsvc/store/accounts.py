"""Accounts in the database. What two requests could race for is decided by a single UPDATE."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simsvc.errors import LastAdmin, NameTaken, StoreError, UserNotFound
from simsvc.store.database import Database
from simsvc.store.events import append
from simsvc.store.tables import UserRow
from simsvc.values import Credentials, Role, User
from simsvc.values.events import COMMAND, VISITOR, EventKind, NewEvent


class AccountStore:
    """AccountBook port; see there what each method does."""

    def __init__(self, database: Database, actor: str = COMMAND) -> None:
        self._database = database
        self._actor = actor

    def acting(self, actor: str) -> AccountStore:
        """Return the same accounts, what is done with them logged as done by this actor."""
        return AccountStore(self._database, actor)

    def add(self, name: str, name_key: str, role: Role, now: datetime) -> User:
        """Add an account without a password.

        Raises:
            NameTaken: another account has the name.
        """
        row = UserRow(
            public_id=uuid.uuid4().hex,
            name=name,
            name_key=name_key,
            role=role,
            created_at=now,
            failed=0,
            epoch=0,
        )
        try:
            with self._database.transaction() as session:
                session.add(row)
                append(session, _event(_user(row), self._actor, change="added", role=role))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise NameTaken("Another account has this name. Choose another name.") from None
            raise
        return _user(row)

    def find(self, user_id: str) -> User | None:
        """Return the account of that public id."""
        return self._one(UserRow.public_id == user_id)

    def named(self, name_key: str) -> User | None:
        """Return the account of that folded name."""
        return self._one(UserRow.name_key == name_key)

    def all(self) -> tuple[User, ...]:
        """Return every account by name."""
        with self._database.reading() as session:
            return tuple(_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name_key)))

    def names(self, user_ids: Iterable[str | None]) -> dict[str, str]:
        """Return the names of these accounts by public id; those that are unknown are left out."""
        wanted = {user_id for user_id in user_ids if user_id}
        with self._database.reading() as session:
            query = select(UserRow.public_id, UserRow.name).where(UserRow.public_id.in_(wanted))
            return {row.public_id: row.name for row in session.execute(query)}

    def invite(self, user_id: str, link_sha256: str, expires_at: datetime) -> User:
        """Replace the account's link, forget its password and lock, and end its sessions."""
        return self._change(
            user_id,
            self._actor,
            {"change": "invited"},
            link_sha256=link_sha256,
            link_expires_at=expires_at,
            password_hash=None,
            failed=0,
            locked_until=None,
            epoch=UserRow.epoch + 1,
        )

    def invited(self, link_sha256: str, now: datetime) -> User | None:
        """Return the account that an unused link in force belongs to."""
        return self._one(_in_force(link_sha256, now))

    def accept(self, link_sha256: str, password_hash: str, now: datetime) -> User | None:
        """Use the link up and set the password, once."""
        fresh: dict[str, Any] = {
            "password_hash": password_hash,
            "link_sha256": None,
            "link_expires_at": None,
            "last_sign_in_at": now,
            "failed": 0,
            "locked_until": None,
            "epoch": UserRow.epoch + 1,
        }
        with self._database.transaction() as session:
            row = _updated(session, _in_force(link_sha256, now), **fresh)
            if row is not None:
                append(session, _event(_user(row), f"user:{row.public_id}", change="link_used"))
            return _user(row) if row else None

    def attempt(self, name_key: str, now: datetime) -> Credentials | None:
        """Count one attempt on an account that is neither locked nor closed."""
        may_try = (UserRow.name_key == name_key) & UserRow.disabled_at.is_(None)
        unlocked = or_(UserRow.locked_until.is_(None), UserRow.locked_until <= now)
        with self._database.transaction() as session:
            row = _updated(session, may_try & unlocked, failed=UserRow.failed + 1)
            return Credentials(_user(row), row.password_hash, row.failed) if row else None

    def lock(self, user_id: str, until: datetime) -> None:
        """Refuse sign-in until then."""
        self._change(user_id, VISITOR, {"outcome": "locked", "until": until.isoformat()}, locked_until=until)

    def refuse(self, name_key: str) -> None:
        """Log that a sign-in was refused; never the name, which may be a password in the wrong field."""
        with self._database.transaction() as session:
            known = session.scalar(select(UserRow.public_id).where(UserRow.name_key == name_key))
            subject = f"user:{known}" if known else VISITOR
            append(session, NewEvent(EventKind.SIGN_IN, VISITOR, subject, {"outcome": "refused"}))

    def succeed(self, user_id: str, now: datetime, fresh_hash: str | None) -> None:
        """Forget failed attempts, note the sign-in, and keep a stronger hash where there is one."""
        hashed = {"password_hash": fresh_hash} if fresh_hash else {}
        said = {"outcome": "succeeded"}
        self._change(
            user_id, f"user:{user_id}", said, failed=0, locked_until=None, last_sign_in_at=now, **hashed
        )

    def set_password(self, user_id: str, password_hash: str) -> User:
        """Replace the password and end every session."""
        said = {"change": "password_set"}
        return self._change(
            user_id, f"user:{user_id}", said, password_hash=password_hash, epoch=UserRow.epoch + 1
        )

    def end_sessions(self, user_id: str) -> None:
        """Raise the account's epoch."""
        self._change(user_id, f"user:{user_id}", {"outcome": "signed_out"}, epoch=UserRow.epoch + 1)

    def disable(self, user_id: str, now: datetime) -> User:
        """Close the account and end its sessions; its link counts no more.

        Raises:
            LastAdmin: no other admin could sign in.
        """
        with self._database.transaction() as session:
            session.execute(_ADMINS_IN_TURN)  # of two who close each other's account, one comes second
            row = _updated(
                session,
                UserRow.public_id == user_id,
                disabled_at=now,
                epoch=UserRow.epoch + 1,
                link_sha256=None,
                link_expires_at=None,
            )
            if (
                row
                and row.role == "admin"
                and not session.scalar(select(UserRow.sequence).where(_ABLE_ADMIN))
            ):
                raise LastAdmin(
                    "This is the only administrator who can sign in. "
                    "Add another one, let that one set a password, and try again."
                )
            append(session, _event(_found(row), self._actor, change="disabled"))
            return _found(row)

    def enable(self, user_id: str) -> User:
        """Open the account again and lift its lock."""
        said = {"change": "enabled"}
        return self._change(user_id, self._actor, said, disabled_at=None, failed=0, locked_until=None)

    def _one(self, which: ColumnElement[bool]) -> User | None:
        with self._database.reading() as session:
            row = session.scalar(select(UserRow).where(which))
            return _user(row) if row else None

    def _change(self, user_id: str, actor: str, said: dict[str, str], **values: Any) -> User:
        """Change an account and log what is said of it."""
        with self._database.transaction() as session:
            row = _updated(session, UserRow.public_id == user_id, **values)
            user = _found(row)
            append(session, _event(user, actor, **said))
            return user


_ADMINS_IN_TURN = (
    select(UserRow.sequence).where(UserRow.role == "admin").order_by(UserRow.sequence).with_for_update()
)
_ABLE_ADMIN = (UserRow.role == "admin") & UserRow.disabled_at.is_(None) & UserRow.password_hash.is_not(None)


def _in_force(link_sha256: str, now: datetime) -> ColumnElement[bool]:
    fresh = (UserRow.link_sha256 == link_sha256) & (UserRow.link_expires_at > now)
    return fresh & UserRow.disabled_at.is_(None)


def _updated(session: Session, which: ColumnElement[bool], **values: Any) -> UserRow | None:
    """Change the one row and return it, in one statement: no other request comes between."""
    return session.scalar(update(UserRow).where(which).values(**values).returning(UserRow))


def _event(user: User, actor: str, **said: str) -> NewEvent:
    kind = EventKind.SIGN_IN if "outcome" in said else EventKind.ACCOUNT
    return NewEvent(kind, actor, f"user:{user.id}", said)


def _found(row: UserRow | None) -> User:
    if row is None:
        raise UserNotFound("There is no such account. Look at the list of accounts and try again.")
    return _user(row)


def _user(row: UserRow) -> User:
    return User(
        id=row.public_id,
        name=row.name,
        role=cast("Role", row.role),
        created_at=row.created_at,
        epoch=row.epoch,
        has_password=row.password_hash is not None,
        disabled_at=row.disabled_at,
        last_sign_in_at=row.last_sign_in_at,
        locked_until=row.locked_until,
        link_expires_at=row.link_expires_at,
    )
