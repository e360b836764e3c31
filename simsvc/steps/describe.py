"""The estimate object: the one form in which the API and the command line give an estimate."""

from __future__ import annotations

from simsvc.values import Estimate, Neighbour, RecordedEstimate


def describe(recorded: RecordedEstimate) -> dict[str, object]:
    """Return the estimate object of a recorded estimate, ready for JSON."""
    return {
        "id": recorded.id,
        "number": recorded.number,
        "created_at": recorded.created_at.isoformat(timespec="milliseconds"),
        **describe_unrecorded(recorded.estimate),
    }


def describe_unrecorded(estimate: Estimate) -> dict[str, object]:
    """Return the part of the estimate object that does not come from the record."""
    return {
        "photo": estimate.photo_name,
        "photo_sha256": estimate.photo_sha256,
        "status": estimate.status,
        "code": estimate.code,
        "sentence": estimate.sentence,
        "age_years": None if estimate.age_years is None else round(estimate.age_years, 2),
        "neighbours": [_neighbour(near) for near in estimate.neighbours],
        "flags": list(estimate.flags),
        "model": estimate.model,
        "index": estimate.index,
        "ms": estimate.ms,
    }


def _neighbour(near: Neighbour) -> dict[str, object]:
    return {
        "face_id": near.face_id,
        "age_years": round(near.age_years, 2),
        "similarity": round(near.similarity, 4),
    }
