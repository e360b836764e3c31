"""The rows of an estimate that goes on record, inserted without the mapper."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert

from simsvc.domain.audit.content import estimate_facts
from simsvc.domain.photo.encode import to_png
from simsvc.errors import to_json
from simsvc.ports import Cipher
from simsvc.store.derived import derived
from simsvc.store.records.embeddings import EmbeddingRow, embedding_values
from simsvc.store.tables import CropRow, EstimateRow, NeighbourRow, PhotoRow, Table
from simsvc.values import LATER_FACTS, Estimate

PHOTO_NAME_CHARACTERS = 255
COPIED_FIELDS = (
    *("status", "code", "sentence", "photo_name", "photo_sha256", "age_years", "coverage", "support"),
    *("refer_reason", "quality", "flags", "model_sha256", "face_changes", "bundle_sha256", "ms", "asked_by"),
)
"""Facts that the row holds as the log does."""


@dataclass(frozen=True, slots=True)
class NewRows:
    """Everything about an estimate that can be made before the transaction begins, which others wait for.

    Attributes:
        created_at: now, UTC.
        facts: what the log keeps of the estimate itself, as it will be read back.
        details: its rows in other tables, without the record's running number.
    """

    public_id: str
    created_at: datetime
    facts: dict[str, Any]
    values: dict[str, Any]
    crop_sha256: str | None
    details: Mapping[type[Table], Sequence[dict[str, Any]]]

    @classmethod
    def of(cls, estimate: Estimate, cipher: Cipher | None) -> NewRows:
        """Make the rows of an estimate, with its photo where it has one and there is a cipher for it."""
        public_id, created_at = uuid.uuid4().hex, datetime.now(UTC)
        facts = estimate_facts(estimate)
        facts["photo_name"] = estimate.photo_name[:PHOTO_NAME_CHARACTERS]
        png = to_png(estimate.crop.rgb) if estimate.crop else None
        token = cipher.encrypt(estimate.photo) if cipher and estimate.photo else None
        embedding = embedding_values(estimate)
        ranked = enumerate(facts["neighbours"], 1)
        details: dict[type[Table], list[dict[str, Any]]] = {
            NeighbourRow: [{"rank": rank, "estimated_age_years": None, **near} for rank, near in ranked],
            CropRow: [{"png": png}] if png else [],
            PhotoRow: [{"kept_at": created_at, "token": token}] if token else [],
            EmbeddingRow: [embedding] if embedding else [],
        }
        return cls(
            public_id=public_id,
            created_at=created_at,
            facts=facts,
            values={
                "public_id": public_id,
                "created_at": created_at,
                **_values(estimate, facts),
                **derived(estimate, created_at),
            },
            crop_sha256=hashlib.sha256(png).hexdigest() if png else None,
            details={table: rows for table, rows in details.items() if rows},
        )

    def insert(self, connection: Connection) -> int:
        """Insert the rows and return the record's running number."""
        number = connection.scalars(insert(EstimateRow).returning(EstimateRow.sequence), self.values).one()
        for table, rows in self.details.items():
            connection.execute(insert(table), [{"estimate": number, **row} for row in rows])
        return number


def _values(estimate: Estimate, facts: dict[str, Any]) -> dict[str, Any]:
    low, high = estimate.interval_years or (None, None)
    evidence, declared = estimate.evidence, estimate.declared
    told = {"sentence": estimate.sentence, "refer_reason": estimate.refer_reason}
    return {
        **{name: facts[name] for name in COPIED_FIELDS},
        "made_with": {name: facts[name] for name in sorted(LATER_FACTS) if name in facts} or None,
        "messages": {name: to_json(said) for name, said in told.items() if said is not None} or None,
        "interval_low_years": low,
        "interval_high_years": high,
        "neighbours_age_years": evidence.neighbours_age_years if evidence else None,
        "neighbours_close": evidence.close if evidence else None,
        "neighbours_count": evidence.count if evidence else None,
        "model_version": estimate.model,
        "index_label": estimate.index,
        "case_reference": declared.case,
        "birth_date": declared.birth_date,
        "photo_date": declared.photo_date,
    }
