"""Cached results of embedding reference photos, for resuming a build."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.values import FloatVector

_SKIPPED, _FACE, _WHOLE = 0, 1, 2
_HEAD = struct.Struct("<BHIf")
"""Kind of outcome; D, or 0 if skipped; bytes of the thumbnail or reason; years."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The face of a reference photo.

    Attributes:
        embedding: float32 (D,), unit length.
        thumbnail: crop for people, as JPEG.
        whole_picture: whether an aligned photo was used whole because no face was detected.
    """

    embedding: FloatVector
    thumbnail: bytes
    whole_picture: bool
    estimate_years: float


Outcome = Embedded | str
"""A face, or the reason why it was skipped."""


def to_bytes(outcomes: Sequence[Outcome]) -> bytes:
    """Return outcomes as bytes, little-endian, each preceded by its lengths."""
    return b"".join(_packed(outcome) for outcome in outcomes)


def from_bytes(data: bytes) -> tuple[Outcome, ...]:
    """Return the outcomes written by `to_bytes`."""
    outcomes: list[Outcome] = []
    at = 0
    while at < len(data):
        kind, dims, size, years = _HEAD.unpack_from(data, at)
        vector = at + _HEAD.size
        text = vector + 4 * dims
        said = data[text : text + size]
        if kind == _SKIPPED:
            outcomes.append(said.decode())
        else:
            embedding = np.frombuffer(data, dtype="<f4", count=dims, offset=vector).astype(np.float32)
            outcomes.append(Embedded(embedding, said, kind == _WHOLE, years))
        at = text + size
    return tuple(outcomes)


def _packed(outcome: Outcome) -> bytes:
    if isinstance(outcome, str):
        reason = outcome.encode()
        return _HEAD.pack(_SKIPPED, 0, len(reason), 0.0) + reason
    vector = outcome.embedding.astype("<f4").tobytes()
    kind = _WHOLE if outcome.whole_picture else _FACE
    head = _HEAD.pack(kind, len(outcome.embedding), len(outcome.thumbnail), outcome.estimate_years)
    return head + vector + outcome.thumbnail
