"""Forms of pages that were sent, and what each made: one sent twice makes nothing twice.

A form carries a random key; with the account it names the row. What a form makes that may be shown only once,
such as a token's text, waits here, encrypted, for the page that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import LargeBinary, String, delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.errors import KeyTaken
from simsvc.store.database import Database
from simsvc.store.tables import Table, UtcDateTime

KEPT = timedelta(hours=12)
"""How long a form is remembered: as long as a session, and its page with it
(`web.security.sessions.LONGEST`)."""
SHOWN_WITHIN = timedelta(minutes=10)
"""How long a secret waits to be shown. Chosen: a browser follows the redirect within seconds."""
ABANDONED = timedelta(minutes=5)
"""After which a form that made nothing may be answered again: its process ended before it was done."""


class SentFormRow(Table):
    """A form that somebody sent."""

    __tablename__ = "sent_forms"

    user_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the form's random key and of everything that came with it."""
    made: Mapped[str | None] = mapped_column(String(64))
    """Public id of what it made; empty while it is being answered."""
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What may be shown once, encrypted; empty once it was."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that was sent before.

    Attributes:
        made: public id of what it made, or None while it is being answered.
    """

    made: str | None


class SentFormStore:
    """Remembers the forms that were sent. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, user_id: str, key: str, now: datetime) -> SentForm | None:
        """Begin to answer a form and return None, or return what is known of it from before.

        Raises:
            KeyTaken: the same form came at the same moment and was faster.
        """
        with self._database.transaction() as session:
            session.execute(delete(SentFormRow).where(SentFormRow.created_at < now - KEPT))
            stale = SentFormRow.created_at < now - SHOWN_WITHIN
            session.execute(update(SentFormRow).where(stale).values(secret=None))
            row = session.get(SentFormRow, (user_id, key))
            if row is None:
                session.add(SentFormRow(user_id=user_id, key=key, created_at=now))
                try:
                    session.flush()
                except IntegrityError:
                    raise KeyTaken(
                        "This form is already being processed. Wait a moment and submit it again."
                    ) from None
                return None
            if row.made is None and row.created_at < now - ABANDONED:
                row.created_at = now
                return None
            return SentForm(row.made)

    def settle(self, user_id: str, key: str, made: str, secret: bytes | None = None) -> None:
        """Note what a form made, and what of it may be shown once."""
        row = update(SentFormRow).where(SentFormRow.user_id == user_id, SentFormRow.key == key)
        with self._database.transaction() as session:
            session.execute(row.values(made=made, secret=secret))

    def release(self, user_id: str, key: str) -> None:
        """Forget a form that made nothing, so that it may be corrected and sent again."""
        mine = (SentFormRow.user_id == user_id, SentFormRow.key == key)
        with self._database.transaction() as session:
            session.execute(delete(SentFormRow).where(*mine))

    def made(self, user_id: str, key: str) -> SentForm | None:
        """Return what is known of a form, or None for one that never came."""
        with self._database.reading() as session:
            row = session.get(SentFormRow, (user_id, key))
            return None if row is None else SentForm(row.made)

    def take_secret(self, user_id: str, key: str, now: datetime) -> bytes | None:
        """Return what may be shown once, and delete it; None where it was shown, or waited too long."""
        with self._database.transaction() as session:
            row = session.get(SentFormRow, (user_id, key), with_for_update=True)
            if row is None or row.secret is None or row.created_at < now - SHOWN_WITHIN:
                return None
            secret, row.secret = row.secret, None
            return secret
