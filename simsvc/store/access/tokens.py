"""Tokens in the database: of their secrets only hashes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from sqlalchemy import JSON, Row, Select, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.errors import NotPermitted, StoreError, TokenNotFound
from simsvc.store.audit_append import append
from simsvc.store.database import Store
from simsvc.store.tables import Table, UserRow, UtcDateTime
from simsvc.values.access.tokens import Scope, Token
from simsvc.values.events import COMMAND, EventKind, NewEvent

ACTOR = "token:"


class TokenRow(Table):
    """What opens the API. Tokens are revoked, never deleted: records name them."""

    __tablename__ = "tokens"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(12), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str | None] = mapped_column(String(32))
    """Public id of the account; empty where it was made on the command line."""
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TokenStore(Store):
    """TokenBook of `flows.tokens`; see there what each method does."""

    def add(self, token: Token, sha256: str) -> None:
        """Store a token; raises NotPermitted if the account was just closed, or is no administrator now."""
        row = TokenRow(
            public_id=token.id,
            name=token.name,
            scopes=list(token.scopes),
            secret_sha256=sha256,
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
        )
        said = {"what": "made", "scopes": list(token.scopes), "expires_at": token.expires_at.isoformat()}
        said["secret_sha256"] = sha256
        with self._database.transaction() as session:
            if token.created_by and not session.scalar(_may_make(token.created_by)):
                raise NotPermitted("role")
            session.add(row)
            append(session, _event(token.id, token.created_by, said))

    def find(self, token_id: str) -> tuple[Token, str] | None:
        """Return the token of that id, and the SHA-256 of its secret."""
        query = select(TokenRow.__table__).where(TokenRow.public_id == token_id)
        with self._database.read_connection() as connection:
            row = connection.execute(query).one_or_none()
        return (_token(row), row.secret_sha256) if row else None

    def all(self) -> tuple[Token, ...]:
        """Return every token, the newest first."""
        with self._database.reading() as session:
            return tuple(_token(row) for row in session.scalars(select(TokenRow).order_by(_NEWEST)))

    def names(self, actors: Iterable[str | None]) -> dict[str, str]:
        """Return the names of these tokens as records write them, "token:<id>"; others are left out."""
        wanted = {actor[len(ACTOR) :] for actor in actors if actor and actor.startswith(ACTOR)}
        if not wanted:
            return {}
        query = select(TokenRow.public_id, TokenRow.name).where(TokenRow.public_id.in_(wanted))
        with self._database.reading() as session:
            return {f"{ACTOR}{row.public_id}": row.name for row in session.execute(query)}

    def revoke(self, token_id: str, by: str | None, now: datetime) -> Token:
        """Revoke a token; a second time changes nothing; raises TokenNotFound if there is none of that id."""
        with self._database.transaction() as session:
            row = session.scalar(select(TokenRow).where(TokenRow.public_id == token_id))
            if row is None:
                raise TokenNotFound()
            if row.revoked_at is None:
                row.revoked_at = now
                append(session, _event(token_id, by, {"what": "revoked"}))
            return _token(row)

    def used(self, token_id: str, now: datetime) -> None:
        """Note when it was last used, if that can be done at once: a full or locked disk stops no reader."""
        noted = update(TokenRow).where(TokenRow.public_id == token_id).values(last_used_at=now)
        with suppress(StoreError), self._database.hurried() as session:
            session.execute(noted)


def revoke_made_by(session: Session, account: str, now: datetime) -> tuple[str, ...]:
    """Revoke the tokens that an account made, within the caller's transaction, and return their ids."""
    made = (TokenRow.created_by == account) & TokenRow.revoked_at.is_(None)
    statement = update(TokenRow).where(made).values(revoked_at=now).returning(TokenRow.public_id)
    found = session.scalars(statement, execution_options={"synchronize_session": False})
    return tuple(sorted(found))


def token_revoked(token_id: str, actor: str) -> NewEvent:
    """Return the event that a token was revoked with the rights of the account that made it."""
    said = {"what": "revoked", "because": "account"}
    return NewEvent(EventKind.TOKEN, actor, f"token:{token_id}", said)


def _event(token_id: str, by: str | None, said: dict[str, Any]) -> NewEvent:
    return NewEvent(EventKind.TOKEN, f"user:{by}" if by else COMMAND, f"token:{token_id}", said)


def _may_make(account: str) -> Select[bool]:
    """Select whether an account may make tokens, and keep it from being changed until that is done."""
    able = (UserRow.role == "admin") & UserRow.disabled_at.is_(None)
    return select(able).where(UserRow.public_id == account).with_for_update(read=True)


_NEWEST = TokenRow.sequence.desc()


def _token(row: TokenRow | Row[Any]) -> Token:
    return Token(
        id=row.public_id,
        name=row.name,
        scopes=tuple(cast("Scope", scope) for scope in row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
