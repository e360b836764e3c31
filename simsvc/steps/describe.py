"""The estimate object: the one form in which the API and the command line give an estimate."""

from __future__ import annotations

from dataclasses import asdict

from simsvc.values import Estimate, Evidence, Neighbour, RecordedEstimate


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
        "interval_years": [round(end, 2) for end in estimate.interval_years]
        if estimate.interval_years
        else None,
        "coverage": estimate.coverage,
        "refer": estimate.refer,
        "refer_reason": estimate.refer_reason,
        "evidence": _evidence(estimate.evidence) if estimate.evidence else None,
        "support": None if estimate.support is None else round(estimate.support, 4),
        "neighbours": [_neighbour(near) for near in estimate.neighbours],
        "flags": list(estimate.flags),
        "quality": asdict(estimate.quality) if estimate.quality else None,
        "model": estimate.model,
        "index": estimate.index,
        "ms": estimate.ms,
    }


def _evidence(evidence: Evidence) -> dict[str, object]:
    return {
        "neighbours_age_years": round(evidence.neighbours_age_years, 2),
        "close": evidence.close,
        "count": evidence.count,
    }


def _neighbour(near: Neighbour) -> dict[str, object]:
    return {
        "face_id": near.face_id,
        "age_years": round(near.age_years, 2),
        "similarity": round(near.similarity, 4),
    }
