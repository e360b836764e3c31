"""The tables' rows as the log has them, read in pages; see `domain.audit.state`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from simsvc.domain.audit.state import (
    Facts,
    account_keys_sha256,
    contact_facts,
    photo_result,
    utc_text,
)
from simsvc.domain.chunks import chunks_of
from simsvc.store.access.tokens import TokenRow
from simsvc.store.reviews.referral_rows import ReferralRow
from simsvc.store.tables import (
    BatchPhotoRow,
    BatchRow,
    BuildRow,
    ErasedEstimateRow,
    EstimateRow,
    FaceRow,
    IndexSwitchRow,
    ModelSwitchRow,
    UserRow,
)
from simsvc.values.events import COMMAND, actor_of

PAGE_ROWS = 1_000
"""Read at a time: less than a megabyte."""
UNREADABLE = (ValueError, TypeError, OperationalError)
"""What SQLite's owner can make reading fail with: text for a number or picture, damaged JSON or Unicode."""


@dataclass(frozen=True, slots=True)
class StateTable:
    """How a table is read: its rows by `order`, each with its key, the first of `columns`, and its facts."""

    order: Any
    columns: tuple[Any, ...]
    key: Callable[[Any], str]
    facts: Callable[[Any], Facts]

    def rows(self, session: Session) -> Iterator[tuple[str, Facts]]:
        """Give every row; one that cannot be read, because simsvc writes no such value, has no facts."""
        after: int | None = None
        while True:
            query = select(self.order).order_by(self.order).limit(PAGE_ROWS)
            page = session.scalars(query if after is None else query.where(self.order > after)).all()
            if not page:
                return
            yield from self._page(session, page)
            after = page[-1]

    def _page(self, session: Session, page: Sequence[int]) -> Iterator[tuple[str, Facts]]:
        try:
            found = self._read(session, page)
        except UNREADABLE:
            found = [each for number in page for each in self.read_or_nothing(session, number)]
        yield from found

    def _read(self, session: Session, page: Sequence[int]) -> list[tuple[str, Facts]]:
        bounds = self.order.between(page[0], page[-1])
        rows = session.execute(select(*self.columns).where(bounds).order_by(self.order))
        return [(self.key(row), self.facts(row)) for row in rows]

    def read_or_nothing(self, session: Session, number: int) -> list[tuple[str, Facts]]:
        """Return the row with this number; without facts under another key if it cannot be read."""
        try:
            return self._read(session, [number])
        except UNREADABLE:
            return [(f"#{number}", {})]


def _user_facts(row: Any) -> Facts:
    keys = (row.password_hash, row.link_sha256, row.oidc_issuer, row.oidc_subject, row.totp_secret)
    return {
        "role": row.role,
        "disabled": row.disabled,
        "second_factor": row.second_factor,
        "keys_sha256": account_keys_sha256(*keys),
        **contact_facts(row.team, row.mail_address),
    }


def _token_facts(row: Any) -> Facts:
    return {
        "scopes": sorted(row.scopes),
        "expires_at": utc_text(row.expires_at),
        "revoked": row.revoked,
        "secret_sha256": row.secret_sha256,
    }


def _switch_facts(row: Any) -> Facts:
    by = actor_of(row.switched_by) if row.switched_by else COMMAND
    return {"label": row.label, "previous": row.previous, "by": by}


def _referral_facts(row: Any) -> Facts:
    due_on = row.due_on.isoformat() if row.due_on else None
    plain = {name: getattr(row, name) for name in ("state", "assignee", "team", "second_opinion")}
    return {**plain, "due_on": due_on}


def _id(row: Any) -> str:
    return str(row.public_id)


def _number(row: Any) -> str:
    return str(row.sequence)


_PHOTOS = (
    select(func.count(BatchPhotoRow.position))
    .where(BatchPhotoRow.batch == BatchRow.sequence)
    .scalar_subquery()
)
TABLES = {
    "users": StateTable(
        UserRow.sequence,
        (
            *(UserRow.public_id, UserRow.role, UserRow.team, UserRow.mail_address),
            *(UserRow.password_hash, UserRow.link_sha256, UserRow.oidc_issuer, UserRow.oidc_subject),
            UserRow.totp_secret,
            UserRow.disabled_at.is_not(None).label("disabled"),
            UserRow.totp_set_at.is_not(None).label("second_factor"),
        ),
        _id,
        _user_facts,
    ),
    "tokens": StateTable(
        TokenRow.sequence,
        (
            *(TokenRow.public_id, TokenRow.scopes, TokenRow.expires_at, TokenRow.secret_sha256),
            TokenRow.revoked_at.is_not(None).label("revoked"),
        ),
        _id,
        _token_facts,
    ),
    "builds": StateTable(
        BuildRow.sequence,
        (BuildRow.label, BuildRow.manifest_sha256, BuildRow.model_sha256, BuildRow.count.label("faces")),
        lambda row: str(row.label),
        lambda row: {name: getattr(row, name) for name in ("manifest_sha256", "model_sha256", "faces")},
    ),
    "index_switches": StateTable(
        IndexSwitchRow.sequence,
        (IndexSwitchRow.sequence, IndexSwitchRow.label, IndexSwitchRow.previous, IndexSwitchRow.switched_by),
        _number,
        _switch_facts,
    ),
    "model_switches": StateTable(
        ModelSwitchRow.sequence,
        (
            *(ModelSwitchRow.sequence, ModelSwitchRow.bundle_sha256, ModelSwitchRow.model_sha256),
            ModelSwitchRow.version,
        ),
        _number,
        lambda row: {name: getattr(row, name) for name in ("bundle_sha256", "model_sha256", "version")},
    ),
    "referrals": StateTable(
        ReferralRow.sequence,
        (
            *(ReferralRow.public_id, ReferralRow.state, ReferralRow.assignee, ReferralRow.team),
            *(ReferralRow.second_opinion, ReferralRow.due_on),
        ),
        _id,
        _referral_facts,
    ),
    "batches": StateTable(
        BatchRow.sequence,
        (BatchRow.public_id, BatchRow.asked_by, _PHOTOS.label("photos")),
        _id,
        lambda row: {"photos": row.photos, "by": actor_of(row.asked_by)},
    ),
}
"""By name: all of `domain.audit.state.WHOLE_TABLES`."""


def rows_by_key(session: Session, table: str, keys: Iterable[str]) -> dict[str, Facts | None]:
    """Return the rows of one of `TABLES` with these public IDs; None where there is no such row."""
    read, wanted = TABLES[table], sorted(keys)
    numbers = select(read.order).where(read.columns[0].in_(wanted)).order_by(read.order)
    found = [
        each for number in session.scalars(numbers).all() for each in read.read_or_nothing(session, number)
    ]
    return {**dict.fromkeys(wanted), **{key: facts for key, facts in found if key in wanted}}


def named_rows(session: Session, table: str, keys: Iterable[str]) -> Iterator[tuple[str, Facts]]:
    """Give the rows with these keys of one of `domain.audit.state.PARTIAL_TABLES`."""
    for chunk in chunks_of(list(keys), PAGE_ROWS):
        for row in session.execute(_NAMED[table](chunk)):
            yield str(row[0]), {"age_years": row.age_years} if table == "faces" else {}


_NAMED: dict[str, Callable[[Sequence[str]], Any]] = {
    "faces": lambda keys: select(FaceRow.face_id, FaceRow.age_years).where(FaceRow.face_id.in_(keys)),
    "erased_estimates": lambda keys: select(ErasedEstimateRow.public_id).where(
        ErasedEstimateRow.public_id.in_(keys)
    ),
}


def batch_results(session: Session, batch_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return what became of the photos of batches, by position; without a batch that does not exist."""
    found: dict[str, list[str]] = {}
    for batch_id in sorted(set(batch_ids)):
        if session.scalar(select(BatchRow.sequence).where(BatchRow.public_id == batch_id)) is not None:
            found[batch_id] = results_of(session, batch_id)
    return found


def results_of(session: Session, batch_id: str) -> list[str]:
    """Return what became of the photos of a batch, by position."""
    query = select(BatchPhotoRow.status, BatchPhotoRow.code, BatchPhotoRow.estimate_id)
    query = query.join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
    query = query.where(BatchRow.public_id == batch_id).order_by(BatchPhotoRow.position)
    return [photo_result(*row) for row in session.execute(query)]


def photos_unlike_records(session: Session) -> Iterator[tuple[str, int]]:
    """Give batch and position of each photo of a batch that says something else than its record."""
    unlike = or_(
        BatchPhotoRow.status != EstimateRow.status,
        BatchPhotoRow.code.is_distinct_from(EstimateRow.code),
        BatchPhotoRow.age_years.is_distinct_from(EstimateRow.age_years),
    )
    query = (
        select(BatchRow.public_id, BatchPhotoRow.position)
        .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
        .join(EstimateRow, EstimateRow.public_id == BatchPhotoRow.estimate_id)
        .where(unlike)
        .order_by(BatchPhotoRow.batch, BatchPhotoRow.position)
    )
    for row in session.execute(query):
        yield row.public_id, row.position
