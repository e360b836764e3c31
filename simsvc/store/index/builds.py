"""Index builds and their labelled faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from simsvc.domain.gallery.manifest import Manifest, manifest_sha256
from simsvc.store.audit.served_log import ServedLog, log_build
from simsvc.store.database import Store
from simsvc.store.tables import BuildRow, FaceRow, Table
from simsvc.values import LabelledFace
from simsvc.values.events import COMMAND

ROWS_A_STATEMENT = 5_000
"""Rows of one upsert: few round trips, bounded memory."""
_INSERTS: dict[str, Callable[[type[Table]], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class BuildStore(Store):
    """Remembers which builds were made, and the faces in them."""

    def record(
        self,
        manifest: Manifest,
        faces: Sequence[LabelledFace],
        actor: str = COMMAND,
        what: Literal["made", "accepted", "found at first start"] = "made",
    ) -> None:
        """Put a build and its faces on record and log it in one transaction; again is the same as once.

        It was made here, or made elsewhere and accepted, or found with a new database.
        """
        row = _build_row(manifest)
        content = {name: row[name] for name in ("manifest_sha256", "model_sha256")}
        content |= {"what": what, "faces": row["count"]}
        ServedLog(self._database).log_earlier_builds()
        with self._database.transaction() as session:
            face_rows(session, faces)
            _upsert(session, BuildRow, "label", [row])
            log_build(session, manifest.label, content, actor)

    def made_at(self) -> dict[str, datetime]:
        """Return when each build on record was made, by label."""
        with self._database.reading() as session:
            rows = session.execute(select(BuildRow.label, BuildRow.created_at))
            return {row.label: row.created_at for row in rows}

    def faces(self) -> dict[str, int]:
        """Return how many faces each build on record has, by label."""
        with self._database.reading() as session:
            rows = session.execute(select(BuildRow.label, BuildRow.count.label("faces")))
            return {row.label: row.faces for row in rows}


def face_rows(session: Session, faces: Sequence[LabelledFace]) -> None:
    """Insert faces, or give those that are known their label."""
    _upsert(session, FaceRow, "face_id", [asdict(face) for face in faces])


def _build_row(manifest: Manifest) -> dict[str, object]:
    return {
        "label": manifest.label,
        "index_name": manifest.name,
        "build_id": manifest.build,
        "count": manifest.count,
        "sources": [source.name for source in manifest.sources],
        "model_sha256": manifest.model.sha256,
        "manifest_sha256": manifest_sha256(manifest),
        "created_at": datetime.now(UTC),
    }


def _upsert(session: Session, table: type[Table], key: str, rows: Sequence[dict[str, object]]) -> None:
    """Insert rows, or update them where the key is known; SQLite and PostgreSQL share the statement."""
    insert = _INSERTS[session.get_bind().dialect.name]
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        statement = insert(table)
        fresh = {name: statement.excluded[name] for name in rows[0] if name not in {key, "created_at"}}
        session.execute(
            statement.on_conflict_do_update(index_elements=[key], set_=fresh),
            rows[start : start + ROWS_A_STATEMENT],
        )
