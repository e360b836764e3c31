"""The rows of an estimate that goes on record, written past the mapper: that costs more than the database."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from simsvc.domain.audit.content import estimate_facts
from simsvc.domain.photo.encode import to_png
from simsvc.errors import to_json
from simsvc.ports import Cipher
from simsvc.store.embeddings import EmbeddingRow, embedding_values
from simsvc.store.prepared import insertion
from simsvc.store.tables import CropRow, EstimateRow, NeighbourRow, PhotoRow
from simsvc.values import LATER_FACTS, Estimate

PHOTO_NAME_CHARACTERS = 255
_ESTIMATE = insertion(EstimateRow, made="sequence")
_NEIGHBOURS, _CROP, _PHOTO, _EMBEDDING = map(insertion, (NeighbourRow, CropRow, PhotoRow, EmbeddingRow))


@dataclass(frozen=True, slots=True)
class NewRows:
    """Everything about an estimate that can be made before the transaction begins, which others wait for.

    Attributes:
        public_id: new.
        created_at: now, UTC.
        facts: what the log keeps of the estimate itself, as it will be read back.
        values: of its row.
        png: its crop, or None.
        crop_sha256: of the PNG.
        token: its photo, encrypted, or None.
        embedding: values of its row, or None.
    """

    public_id: str
    created_at: datetime
    facts: dict[str, Any]
    values: dict[str, Any]
    png: bytes | None
    crop_sha256: str | None
    token: bytes | None
    embedding: dict[str, Any] | None

    @classmethod
    def of(cls, estimate: Estimate, cipher: Cipher | None) -> NewRows:
        """Make the rows of an estimate, with its photo where it has one and there is a cipher for it."""
        png = to_png(estimate.crop.rgb) if estimate.crop else None
        with_photo = estimate.photo is not None and cipher is not None
        public_id, created_at = uuid.uuid4().hex, datetime.now(UTC)
        facts = estimate_facts(estimate)
        facts["photo_name"] = estimate.photo_name[:PHOTO_NAME_CHARACTERS]
        return cls(
            public_id=public_id,
            created_at=created_at,
            facts=facts,
            values={"public_id": public_id, "created_at": created_at, **_values(estimate, facts)},
            png=png,
            crop_sha256=hashlib.sha256(png).hexdigest() if png else None,
            token=cipher.encrypt(estimate.photo) if with_photo and cipher and estimate.photo else None,
            embedding=embedding_values(estimate),
        )

    def insert(self, connection: Connection) -> int:
        """Insert the rows and return the record's running number."""
        number = _ESTIMATE.insert(connection, self.values) or 0
        near = self.facts["neighbours"]
        if near:
            ranked = enumerate(near, 1)
            _NEIGHBOURS.insert_all(
                connection,
                [{"estimate": number, "rank": rank, **_NO_ESTIMATE, **one} for rank, one in ranked],
            )
        if self.png is not None:
            _CROP.insert(connection, {"estimate": number, "png": self.png})
        if self.token is not None:
            _PHOTO.insert(connection, {"estimate": number, "kept_at": self.created_at, "token": self.token})
        if self.embedding is not None:
            _EMBEDDING.insert(connection, {"estimate": number, **self.embedding})
        return number


_ALIKE = (
    *("status", "code", "sentence", "photo_name", "photo_sha256", "age_years", "coverage", "support"),
    *("refer_reason", "quality", "flags", "model_sha256", "face_changes", "bundle_sha256", "ms", "asked_by"),
)
_NO_ESTIMATE = {"estimated_age_years": None}
"""Facts that stand in the row as the log has them."""


def _values(estimate: Estimate, facts: dict[str, Any]) -> dict[str, Any]:
    low, high = estimate.interval_years or (None, None)
    evidence, declared = estimate.evidence, estimate.declared
    told = {"sentence": estimate.sentence, "refer_reason": estimate.refer_reason}
    return {
        **{name: facts[name] for name in _ALIKE},
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
