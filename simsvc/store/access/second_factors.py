"""Second factors in the database: secrets encrypted, recovery codes as digests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.errors import UserNotFound
from simsvc.store.access.accounts import account_event
from simsvc.store.audit_append import append
from simsvc.store.database import Database
from simsvc.store.tables import Table, UserRow
from simsvc.values.events import COMMAND


class RecoveryCodeRow(Table):
    """A recovery code that was not used yet."""

    __tablename__ = "recovery_codes"

    code_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("users.sequence"), index=True)


class SecondFactorStore:
    """SecondFactorBook port; see there what each method does."""

    def __init__(self, database: Database, actor: str = COMMAND) -> None:
        self._database = database
        self._actor = actor

    def acting(self, actor: str) -> SecondFactorStore:
        """Return the same second factors, what is done with them logged as done by this actor."""
        return SecondFactorStore(self._database, actor)

    def secret(self, user_id: str) -> bytes | None:
        """Return the encrypted secret of an account, or None without a second factor."""
        with self._database.reading() as session:
            return session.scalar(select(UserRow.totp_secret).where(UserRow.public_id == user_id))

    def put(self, user_id: str, secret: bytes, step: int, codes: Sequence[str], now: datetime) -> None:
        """Set up a second factor, the code of a time step used up, with digests of recovery codes."""
        fresh = {"totp_secret": secret, "totp_set_at": now, "totp_last_step": step}
        with self._database.transaction() as session:
            account = _account(session, user_id)
            changed = update(UserRow).where(UserRow.sequence == account).values(**fresh).returning(UserRow)
            row = session.scalars(changed).one()
            _replace(session, account, codes)
            append(session, account_event(row, self._actor, change="second_factor_set"))

    def renew(self, user_id: str, codes: Sequence[str]) -> None:
        """Replace the recovery codes by others, given as digests."""
        with self._database.transaction() as session:
            account = _account(session, user_id)
            _replace(session, account, codes)
            row = session.scalars(select(UserRow).where(UserRow.sequence == account)).one()
            append(session, account_event(row, self._actor, change="recovery_codes_renewed"))

    def remove(self, user_id: str) -> None:
        """Remove second factor and recovery codes; nothing happens without one."""
        gone = {"totp_secret": None, "totp_set_at": None, "totp_last_step": None}
        mine = (UserRow.public_id == user_id) & UserRow.totp_set_at.is_not(None)
        with self._database.transaction() as session:
            row = session.scalar(update(UserRow).where(mine).values(**gone).returning(UserRow))
            if row is not None:
                _replace(session, row.sequence, ())
                append(session, account_event(row, self._actor, change="second_factor_removed"))

    def use_step(self, user_id: str, step: int) -> bool:
        """Use up the code of a time step; False where that or a later one was used before."""
        unused = or_(UserRow.totp_last_step.is_(None), UserRow.totp_last_step < step)
        used = update(UserRow).where(UserRow.public_id == user_id, unused).values(totp_last_step=step)
        with self._database.transaction() as session:
            return session.scalar(used.returning(UserRow.sequence)) is not None

    def use_recovery(self, user_id: str, code_sha256: str) -> bool:
        """Use up a recovery code; False where there is none such."""
        account = select(UserRow.sequence).where(UserRow.public_id == user_id).scalar_subquery()
        which = (RecoveryCodeRow.code_sha256 == code_sha256) & (RecoveryCodeRow.account == account)
        used = delete(RecoveryCodeRow).where(which).returning(RecoveryCodeRow.account)
        with self._database.transaction() as session:
            return session.scalar(used) is not None

    def recovery_left(self, user_id: str) -> int:
        """Return the number of unused recovery codes."""
        query = select(func.count()).select_from(RecoveryCodeRow)
        query = query.join(UserRow, UserRow.sequence == RecoveryCodeRow.account)
        with self._database.reading() as session:
            return session.scalar(query.where(UserRow.public_id == user_id)) or 0


def _account(session: Session, user_id: str) -> int:
    account = session.scalar(select(UserRow.sequence).where(UserRow.public_id == user_id))
    if account is None:
        raise UserNotFound()
    return account


def _replace(session: Session, account: int, codes: Sequence[str]) -> None:
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account == account))
    session.add_all(RecoveryCodeRow(code_sha256=code, account=account) for code in codes)
