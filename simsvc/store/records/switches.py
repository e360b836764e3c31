"""Which index build was put into service when, and by whom: rows are added, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from simsvc.errors import StoreError
from simsvc.store.audit_append import append
from simsvc.store.database import Store
from simsvc.store.tables import BuildRow, IndexSwitchRow, ModelSwitchRow
from simsvc.values import IndexSwitch
from simsvc.values.events import COMMAND, PROGRAM, EventKind, NewEvent, actor_of


class SwitchStore(Store):
    """Remembers every switch."""

    @contextmanager
    def recording(self, label: str, previous: str | None, by: str | None, now: datetime) -> Iterator[None]:
        """Log a switch together with what is done meanwhile: should that fail, neither happened."""
        row = IndexSwitchRow(label=label, previous=previous, switched_by=by, switched_at=now)
        with self._database.shared_transaction() as session:
            session.add(row)
            session.flush()
            made = select(BuildRow.manifest_sha256).where(BuildRow.label == label)
            append(session, _event(row, session.scalar(made)))
            yield

    def latest(self, count: int | None = None) -> tuple[IndexSwitch, ...]:
        """Return the latest switches, or all of them, the newest first."""
        query = select(IndexSwitchRow).order_by(IndexSwitchRow.sequence.desc()).limit(count)
        with self._database.reading() as session:
            return tuple(
                IndexSwitch(row.label, row.previous, row.switched_at, row.switched_by)
                for row in session.scalars(query)
            )


def _event(row: IndexSwitchRow, manifest_sha256: str | None) -> NewEvent:
    actor = actor_of(row.switched_by) if row.switched_by else COMMAND
    said = {"previous": row.previous, "switch": row.sequence, "manifest_sha256": manifest_sha256}
    return NewEvent(EventKind.INDEX_SWITCH, actor, f"index:{row.label}", said)


class ModelSwitchStore(Store):
    """Remembers every model that was in service."""

    def note(self, bundle_sha256: str, model_sha256: str, version: str, now: datetime) -> None:
        """Put on record that a model answers from now on, and log it, unless it did so already.

        Of several workers that find a new model, one puts it on record.
        """
        try:
            with self._database.transaction() as session:
                newest = select(ModelSwitchRow).order_by(ModelSwitchRow.sequence.desc()).limit(1)
                last = session.scalar(newest)
                if last is not None and last.bundle_sha256 == bundle_sha256:
                    return
                number = last.sequence + 1 if last else 1
                facts = {"bundle_sha256": bundle_sha256, "model_sha256": model_sha256, "version": version}
                session.add(ModelSwitchRow(sequence=number, switched_at=now, **facts))
                said = {"switch": number, **facts}
                append(session, NewEvent(EventKind.MODEL_SWITCH, PROGRAM, f"model:{bundle_sha256}", said))
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise

    def versions(self) -> list[tuple[str, str, str, datetime]]:
        """Return (bundle sha256, model sha256, version, since when) of every switch, the newest first."""
        query = select(ModelSwitchRow).order_by(ModelSwitchRow.sequence.desc())
        with self._database.reading() as session:
            return [
                (row.bundle_sha256, row.model_sha256, row.version, row.switched_at)
                for row in session.scalars(query)
            ]
