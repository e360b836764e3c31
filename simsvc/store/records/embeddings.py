"""Embeddings of estimates, for comparing periods: what the model made of the crop that is kept beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.store.tables import EstimateKey, Table
from simsvc.values import Estimate, FloatVector


class EmbeddingRow(Table):
    """Float32, little-endian, of unit length. It goes with its estimate."""

    __tablename__ = "embeddings"

    estimate: Mapped[EstimateKey]
    model_sha256: Mapped[str] = mapped_column(String(64))
    vector: Mapped[bytes] = mapped_column(LargeBinary)


def embedding_values(estimate: Estimate) -> dict[str, Any] | None:
    """Return the values of an estimate's row but its number, or None where nothing was judged."""
    if estimate.embedding is None or estimate.model_sha256 is None:
        return None
    vector = np.asarray(estimate.embedding, dtype="<f4").tobytes()
    return {"model_sha256": estimate.model_sha256, "vector": vector}


def vector_of(data: bytes) -> FloatVector:
    """Return the embedding (D,) of a row."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32)
