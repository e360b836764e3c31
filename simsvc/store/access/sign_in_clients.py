"""Clients that tried to open an account, and how often they failed; see `domain.accounts.sign_in`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from simsvc.domain.accounts.sign_in import Tally
from simsvc.store.tables import SignInClientRow, UserRow
from simsvc.values import Client

SHARED = "unknown"
"""The client that stands for all unknown ones together."""


class Clients:
    """The clients of an account, within the caller's transaction."""

    def __init__(self, session: Session, account: int) -> None:
        self._session = session
        self._account = account

    def of(self, client: Client, now: datetime) -> tuple[str, Tally]:
        """Return under which name a client counts, and how: its browser where that is known."""
        device = self.tally(_device(client)) if client.device else Tally()
        if device.known(now):
            return _device(client), device
        return _network(client), self.tally(_network(client))

    def tally(self, name: str) -> Tally:
        """Return how a client counts."""
        row = self._session.get(SignInClientRow, (self._account, name))
        return _tally(row) if row else Tally()

    def put(self, name: str, tally: Tally) -> None:
        """Keep how a client counts."""
        self._session.merge(SignInClientRow(account=self._account, client=name, **asdict(tally)))

    def sweep(self, now: datetime) -> None:
        """Delete what no longer counts."""
        self._session.flush()
        rows = self._session.scalars(select(SignInClientRow).where(SignInClientRow.account == self._account))
        for row in rows:
            if _tally(row).worthless(now):
                self._session.delete(row)


def _tally(row: SignInClientRow) -> Tally:
    return Tally(row.failed, row.failed_at, row.succeeded_at)


def _device(client: Client) -> str:
    return f"device:{client.device}"


def _network(client: Client) -> str:
    return f"network:{client.network}"


def welcome(session: Session, account: int, client: Client, now: datetime) -> None:
    """Note that a client opened the account: its browser and its network are known from now on."""
    kept = Clients(session, account)
    opened = Tally(succeeded_at=now)
    kept.put(_network(client), opened)
    if client.device:
        kept.put(_device(client), opened)


def forget_clients(session: Session, user_id: str) -> None:
    """Forget all clients of an account and their failures."""
    account = select(UserRow.sequence).where(UserRow.public_id == user_id).scalar_subquery()
    session.execute(
        delete(SignInClientRow).where(SignInClientRow.account == account),
        execution_options={"synchronize_session": False},
    )
