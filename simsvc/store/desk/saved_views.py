"""Views of the history that a person named: filters and order, never a case, which could be erased."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, String, UniqueConstraint, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.domain.desk.saved_views import NAME_CHARACTERS
from simsvc.errors import StoreError, ViewRefused
from simsvc.store.database import Store
from simsvc.store.tables import Table

MOST_VIEWS = 12
"""Of one person: as many as fit above the list as tabs, in two rows on a laptop."""


class SavedViewRow(Table):
    """A named view of one person."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "name", name="uq_saved_views_user_id"),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    user_id: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Fields of the search form to what was chosen in them."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A named view: its public id, its name, and fields of the search form to what was chosen in them."""

    id: str
    name: str
    asked: Mapping[str, str]


class SavedViewStore(Store):
    """Keeps each person's views."""

    def of(self, user_id: str) -> tuple[SavedView, ...]:
        """Return a person's views, oldest first."""
        query = select(SavedViewRow).where(SavedViewRow.user_id == user_id).order_by(SavedViewRow.sequence)
        with self._database.reading() as session:
            return tuple(
                SavedView(row.public_id, row.name, dict(row.asked)) for row in session.scalars(query)
            )

    def add(self, user_id: str, name: str, asked: Mapping[str, str]) -> str:
        """Save a view and return its public id.

        Raises ViewRefused if the person has as many as possible already, or one of that name.
        """
        row = SavedViewRow(public_id=uuid.uuid4().hex, user_id=user_id, name=name, asked=dict(asked))
        count = select(func.count()).select_from(SavedViewRow).where(SavedViewRow.user_id == user_id)
        try:
            with self._database.transaction() as session:
                if (session.scalar(count) or 0) >= MOST_VIEWS:
                    raise ViewRefused("many", most=MOST_VIEWS)
                session.add(row)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise ViewRefused("taken") from None
            raise
        return row.public_id

    def remove(self, user_id: str, view_id: str) -> None:
        """Delete a view of the person; one that is gone already, or another person's, is left as it is."""
        mine = (SavedViewRow.user_id == user_id, SavedViewRow.public_id == view_id)
        with self._database.transaction() as session:
            session.execute(delete(SavedViewRow).where(*mine))
