"""The rows of an estimate that goes on record, written past the mapper: that costs more than the database."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from simsvc.ports import Cipher
from simsvc.steps.picture import to_png
from simsvc.store.embeddings import EmbeddingRow, embedding_values
from simsvc.store.prepared import insertion
from simsvc.store.tables import CropRow, EstimateRow, NeighbourRow, PhotoRow
from simsvc.values import Estimate

PHOTO_NAME_CHARACTERS = 255
_ESTIMATE = insertion(EstimateRow, made="sequence")
_NEIGHBOURS, _CROP, _PHOTO, _EMBEDDING = map(insertion, (NeighbourRow, CropRow, PhotoRow, EmbeddingRow))


@dataclass(frozen=True, slots=True)
class NewRows:
    """Everything about an estimate that can be made before the transaction begins, which others wait for.

    Attributes:
        public_id: new.
        created_at: now, UTC.
        kept: the estimate as it will be read back: without crop, embedding and photo.
        png: its crop, or None.
        crop_sha256: of the PNG.
        token: its photo, encrypted, or None.
        embedding: values of its row, or None.
    """

    public_id: str
    created_at: datetime
    kept: Estimate
    png: bytes | None
    crop_sha256: str | None
    token: bytes | None
    embedding: dict[str, Any] | None

    @classmethod
    def of(cls, estimate: Estimate, cipher: Cipher | None) -> NewRows:
        """Make the rows of an estimate, with its photo where it has one and there is a cipher for it."""
        png = to_png(estimate.crop.rgb) if estimate.crop else None
        with_photo = estimate.photo is not None and cipher is not None
        return cls(
            public_id=uuid.uuid4().hex,
            created_at=datetime.now(UTC),
            kept=_kept(estimate),
            png=png,
            crop_sha256=hashlib.sha256(png).hexdigest() if png else None,
            token=cipher.encrypt(estimate.photo) if with_photo and cipher and estimate.photo else None,
            embedding=embedding_values(estimate),
        )

    def insert(self, connection: Connection) -> int:
        """Insert the rows and return the record's running number."""
        number = _ESTIMATE.insert(connection, self._values()) or 0
        if self.kept.neighbours:
            _NEIGHBOURS.insert_all(connection, _neighbours(number, self.kept))
        if self.png is not None:
            _CROP.insert(connection, {"estimate": number, "png": self.png})
        if self.token is not None:
            _PHOTO.insert(connection, {"estimate": number, "kept_at": self.created_at, "token": self.token})
        if self.embedding is not None:
            _EMBEDDING.insert(connection, {"estimate": number, **self.embedding})
        return number

    def _values(self) -> dict[str, Any]:
        kept = self.kept
        low, high = kept.interval_years or (None, None)
        evidence = kept.evidence
        return {
            "public_id": self.public_id,
            "created_at": self.created_at,
            "status": kept.status,
            "code": kept.code,
            "sentence": kept.sentence,
            "photo_name": kept.photo_name,
            "photo_sha256": kept.photo_sha256,
            "age_years": kept.age_years,
            "interval_low_years": low,
            "interval_high_years": high,
            "coverage": kept.coverage,
            "neighbours_age_years": evidence.neighbours_age_years if evidence else None,
            "neighbours_close": evidence.close if evidence else None,
            "neighbours_count": evidence.count if evidence else None,
            "support": kept.support,
            "refer_reason": kept.refer_reason,
            "quality": asdict(kept.quality) if kept.quality else None,
            "flags": list(kept.flags),
            "model_version": kept.model,
            "model_sha256": kept.model_sha256,
            "index_label": kept.index,
            "face_changes": kept.face_changes,
            "bundle_sha256": kept.bundle_sha256,
            "ms": dict(kept.ms),
            "asked_by": kept.asked_by,
            "case_reference": kept.declared.case,
            "birth_date": kept.declared.birth_date,
            "photo_date": kept.declared.photo_date,
        }


def _kept(estimate: Estimate) -> Estimate:
    name = estimate.photo_name[:PHOTO_NAME_CHARACTERS]
    return replace(estimate, photo_name=name, crop=None, embedding=None, photo=None)


def _neighbours(number: int, kept: Estimate) -> list[dict[str, Any]]:
    return [
        {
            "estimate": number,
            "rank": rank,
            "face_id": near.face_id,
            "age_years": near.age_years,
            "distance": near.distance,
        }
        for rank, near in enumerate(kept.neighbours, 1)
    ]
