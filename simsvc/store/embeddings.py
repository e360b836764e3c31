"""Embeddings of estimates, for comparing periods: what the model made of the crop that is kept beside it."""

from __future__ import annotations

import numpy as np
from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.store.tables import Table
from simsvc.values import FloatVector


class EmbeddingRow(Table):
    """Float32, little-endian, of unit length. It goes with its estimate."""

    __tablename__ = "embeddings"

    estimate: Mapped[int] = mapped_column(
        ForeignKey("estimates.sequence", ondelete="CASCADE"), primary_key=True
    )
    model_sha256: Mapped[str] = mapped_column(String(64))
    vector: Mapped[bytes] = mapped_column(LargeBinary)


def embedding_row(estimate: int, model_sha256: str, vector: FloatVector) -> EmbeddingRow:
    """Return the row of an embedding (D,)."""
    return EmbeddingRow(
        estimate=estimate, model_sha256=model_sha256, vector=np.asarray(vector, dtype="<f4").tobytes()
    )


def vector_of(data: bytes) -> FloatVector:
    """Return the embedding (D,) of a row."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32)
