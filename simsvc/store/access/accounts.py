"""Accounts in the database. What two requests could race for is decided by a single UPDATE."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simsvc.domain.accounts.sign_in import SHARED_AN_HOUR, may_try
from simsvc.domain.audit.state import account_keys_sha256, contact_facts
from simsvc.errors import LastAdmin, NameTaken, StoreError, UserNotFound
from simsvc.store.access.sign_in_clients import SHARED, Clients, forget_clients, welcome
from simsvc.store.access.tokens import revoke_made_by, token_revoked
from simsvc.store.audit_append import append
from simsvc.store.database import Database
from simsvc.store.tables import UserRow
from simsvc.values import Client, Credentials, Role, User
from simsvc.values.events import COMMAND, VISITOR, EventKind, NewEvent

NOBODY = Client()
BY_PASSWORD: Mapping[str, str] = {"method": "password"}
"""How somebody proved who they are, as events have it, unless told otherwise."""


class AccountStore:
    """AccountBook port; see there what each method does."""

    def __init__(self, database: Database, actor: str = COMMAND) -> None:
        self._database = database
        self._actor = actor

    def acting(self, actor: str) -> AccountStore:
        """Return the same accounts, what is done with them logged as done by this actor."""
        return AccountStore(self._database, actor)

    def add(self, name: str, name_key: str, role: Role, now: datetime) -> User:
        """Add an account without a password; raises NameTaken if another account has the name."""
        row = UserRow(
            public_id=uuid.uuid4().hex, name=name, name_key=name_key, role=role, created_at=now, epoch=0
        )
        try:
            with self._database.transaction() as session:
                session.add(row)
                append(
                    session,
                    account_event(row, self._actor, change="added", role=role, **contact_facts(None, None)),
                )
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise NameTaken() from None
            raise
        return user_of(row)

    def find(self, user_id: str) -> User | None:
        """Return the account of that public id."""
        return self._one(UserRow.public_id == user_id)

    def named(self, name_key: str) -> User | None:
        """Return the account of that folded name."""
        return self._one(UserRow.name_key == name_key)

    def all(self) -> tuple[User, ...]:
        """Return every account by name."""
        with self._database.reading() as session:
            return tuple(user_of(row) for row in session.scalars(select(UserRow).order_by(UserRow.name_key)))

    def names(self, user_ids: Iterable[str | None]) -> dict[str, str]:
        """Return the names of these accounts by public id; those that are unknown are left out."""
        wanted = {user_id for user_id in user_ids if user_id}
        with self._database.reading() as session:
            query = select(UserRow.public_id, UserRow.name).where(UserRow.public_id.in_(wanted))
            return {row.public_id: row.name for row in session.execute(query)}

    def invite(self, user_id: str, link_sha256: str, expires_at: datetime) -> User:
        """Replace the account's link, forget its password, identity and clients, and end its sessions."""
        fresh: dict[str, Any] = {"link_sha256": link_sha256, "link_expires_at": expires_at}
        fresh |= {"oidc_issuer": None, "oidc_subject": None}
        fresh |= {"password_hash": None, "epoch": UserRow.epoch + 1}
        return self._change(user_id, self._actor, {"change": "invited"}, unknown_clients=True, **fresh)

    def invited(self, link_sha256: str, now: datetime) -> User | None:
        """Return the account that an unused link in force belongs to."""
        return self._one(in_force(link_sha256, now))

    def accept(
        self, link_sha256: str, password_hash: str, now: datetime, client: Client = NOBODY
    ) -> User | None:
        """Use the link up and set the password, once; failures with an older password are forgotten."""
        fresh: dict[str, Any] = {
            "password_hash": password_hash,
            "link_sha256": None,
            "link_expires_at": None,
            "last_sign_in_at": now,
            "epoch": UserRow.epoch + 1,
        }
        with self._database.transaction() as session:
            row = _updated(session, in_force(link_sha256, now), **fresh)
            if row is None:
                return None
            forget_clients(session, row.public_id)
            welcome(session, row.sequence, client, now)
            append(session, account_event(row, f"user:{row.public_id}", change="link_used"))
            return user_of(row)

    def attempt(self, name_key: str, now: datetime, client: Client) -> Credentials | None:
        """Count one failed attempt by a client that need not wait, on an account that is not closed."""
        open_account = (UserRow.name_key == name_key) & UserRow.disabled_at.is_(None)
        with self._database.transaction() as session:
            row = session.scalar(select(UserRow).where(open_account).with_for_update())  # one at a time
            if row is None:
                return None
            kept = Clients(session, row.sequence)
            name, tally = kept.of(client, now)
            shared = kept.tally(SHARED)
            if not may_try(tally, shared, now):
                return None
            counted = tally.counted(now)
            kept.put(name, counted)
            if not tally.known(now):
                kept.put(SHARED, shared.counted(now, SHARED_AN_HOUR))
            kept.sweep(now)
            return Credentials(user_of(row), row.password_hash, counted.waits_until())

    def refuse(
        self, name_key: str, slowed_until: datetime | None, how: Mapping[str, str] = BY_PASSWORD
    ) -> None:
        """Log that a sign-in was refused; never the name, which may be a password in the wrong field."""
        said = {"outcome": "refused", **how}
        said |= {"slowed_until": slowed_until.isoformat()} if slowed_until else {}
        with self._database.transaction() as session:
            known = session.scalar(select(UserRow.public_id).where(UserRow.name_key == name_key))
            subject = f"user:{known}" if known else VISITOR
            append(session, NewEvent(EventKind.SIGN_IN, VISITOR, subject, said))

    def succeed(
        self, user_id: str, now: datetime, client: Client, how: Mapping[str, str] = BY_PASSWORD
    ) -> None:
        """Forget the client's failures, and note the sign-in."""
        self._pass(user_id, now, client, {"outcome": "succeeded", **how}, last_sign_in_at=now)

    def confirm(
        self, user_id: str, now: datetime, client: Client, how: Mapping[str, str] = BY_PASSWORD
    ) -> None:
        """Forget the client's failures, and log that the person proved again who they are."""
        self._pass(user_id, now, client, {"outcome": "confirmed", **how})

    def forgive(self, user_id: str, now: datetime, client: Client) -> None:
        """Forget the attempt that was just counted: its password was right, and a code is asked for next."""
        with self._database.transaction() as session:
            account = session.scalar(
                select(UserRow.sequence).where(UserRow.public_id == user_id).with_for_update()
            )
            if account is None:
                raise UserNotFound()
            kept = Clients(session, account)
            name, tally = kept.of(client, now)
            kept.put(name, tally.uncounted())
            if not tally.known(now):
                kept.put(SHARED, kept.tally(SHARED).uncounted())

    def rehash(self, user_id: str, password_hash: str) -> None:
        """Keep a stronger hash of the same password."""
        said = {"change": "password_rehashed"}
        self._change(user_id, f"user:{user_id}", said, password_hash=password_hash)

    def set_password(self, user_id: str, password_hash: str) -> User:
        """Replace the password and end every session."""
        fresh: dict[str, Any] = {"password_hash": password_hash, "epoch": UserRow.epoch + 1}
        return self._change(user_id, f"user:{user_id}", {"change": "password_set"}, **fresh)

    def end_sessions(self, user_id: str) -> None:
        """Raise the account's epoch."""
        said = {"outcome": "signed_out", "sessions": "all"}
        self._change(user_id, f"user:{user_id}", said, epoch=UserRow.epoch + 1)

    def disable(self, user_id: str, now: datetime) -> User:
        """Close the account, its sessions, tokens and link; raises LastAdmin if no other could sign in."""
        closed: dict[str, Any] = {"disabled_at": now, "link_sha256": None, "link_expires_at": None}
        closed["epoch"] = UserRow.epoch + 1
        return self._take_away(user_id, now, {"change": "disabled"}, **closed)

    def change_role(self, user_id: str, role: Role, now: datetime) -> User:
        """Give the account another role, which its sessions have at once; one that is no admin has no tokens.

        Raises LastAdmin if no other admin could sign in.
        """
        return self._take_away(user_id, now, {"change": "role", "role": role}, role=role)

    def enable(self, user_id: str) -> User:
        """Open the account again and forget failed sign-ins; its tokens stay revoked."""
        said = {"change": "enabled"}
        return self._change(user_id, self._actor, said, unknown_clients=True, disabled_at=None)

    def set_contact(self, user_id: str, team: str | None, mail_address: str | None) -> User:
        """Put the account into a team, or none, and keep its mail address, which the log does not."""
        said = {"change": "contact", **contact_facts(team, mail_address)}
        return self._change(user_id, self._actor, said, team=team, mail_address=mail_address)

    def _take_away(self, user_id: str, now: datetime, said: dict[str, str], **values: Any) -> User:
        with self._database.transaction() as session:
            session.execute(_ADMINS_IN_TURN)  # of two who close each other's account, one comes second
            before = session.scalar(select(UserRow.role).where(UserRow.public_id == user_id))
            row = _found(_updated(session, UserRow.public_id == user_id, **values))
            user = user_of(row)
            able = session.scalar(select(UserRow.sequence).where(_ABLE_ADMIN))
            if before == "admin" and not able:
                raise LastAdmin()
            allowed = user.role == "admin" and not user.disabled
            revoked = () if allowed else revoke_made_by(session, user_id, now)
            append(session, account_event(row, self._actor, **said))
            for token_id in revoked:
                append(session, token_revoked(token_id, self._actor))
            return user

    def _pass(
        self, user_id: str, now: datetime, client: Client, said: Mapping[str, str], **values: Any
    ) -> None:
        which = UserRow.public_id == user_id
        with self._database.transaction() as session:
            row = (
                _updated(session, which, **values) if values else session.scalar(select(UserRow).where(which))
            )
            if row is None:
                raise UserNotFound()
            kept = Clients(session, row.sequence)
            if not kept.of(client, now)[1].known(now):
                kept.put(SHARED, kept.tally(SHARED).uncounted())
            welcome(session, row.sequence, client, now)
            append(session, _signed_in(row, said))

    def _one(self, which: ColumnElement[bool]) -> User | None:
        with self._database.reading() as session:
            row = session.scalar(select(UserRow).where(which))
            return user_of(row) if row else None

    def _change(
        self, user_id: str, actor: str, said: dict[str, str], *, unknown_clients: bool = False, **values: Any
    ) -> User:
        with self._database.transaction() as session:
            row = _found(_updated(session, UserRow.public_id == user_id, **values))
            if unknown_clients:
                forget_clients(session, user_id)
            ended = "outcome" in said
            append(session, _signed_in(row, said) if ended else account_event(row, actor, **said))
            return user_of(row)


_ADMINS_IN_TURN = (
    select(UserRow.sequence).where(UserRow.role == "admin").order_by(UserRow.sequence).with_for_update()
)
_HAS_KEY = UserRow.password_hash.is_not(None) | UserRow.oidc_subject.is_not(None)
_ABLE_ADMIN = (UserRow.role == "admin") & UserRow.disabled_at.is_(None) & _HAS_KEY


def in_force(link_sha256: str, now: datetime) -> ColumnElement[bool]:
    """Select the open account whose one-time link is not used and has not expired."""
    fresh = (UserRow.link_sha256 == link_sha256) & (UserRow.link_expires_at > now)
    return fresh & UserRow.disabled_at.is_(None)


def _updated(session: Session, which: ColumnElement[bool], **values: Any) -> UserRow | None:
    """Change the one row and return it, in one statement: no other request comes between."""
    return session.scalar(update(UserRow).where(which).values(**values).returning(UserRow))


def account_event(row: UserRow, actor: str, **said: str) -> NewEvent:
    """Return the event that an account was changed to what its row says, digest of its keys included."""
    keys = (row.password_hash, row.link_sha256, row.oidc_issuer, row.oidc_subject, row.totp_secret)
    content = {**said, "keys_sha256": account_keys_sha256(*keys)}
    return NewEvent(EventKind.ACCOUNT, actor, f"user:{row.public_id}", content)


def _signed_in(row: UserRow, said: Mapping[str, str]) -> NewEvent:
    own = f"user:{row.public_id}"
    return NewEvent(EventKind.SIGN_IN, own, own, said)


def _found(row: UserRow | None) -> UserRow:
    if row is None:
        raise UserNotFound()
    return row


def user_of(row: UserRow | Row[Any]) -> User:
    """Return the account of a row."""
    return User(
        id=row.public_id,
        name=row.name,
        role=cast("Role", row.role),
        created_at=row.created_at,
        epoch=row.epoch,
        has_password=row.password_hash is not None,
        disabled_at=row.disabled_at,
        last_sign_in_at=row.last_sign_in_at,
        link_expires_at=row.link_expires_at,
        team=row.team,
        mail_address=row.mail_address,
        second_factor_at=row.totp_set_at,
        linked=row.oidc_subject is not None,
    )
