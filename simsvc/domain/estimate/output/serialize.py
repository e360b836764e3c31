"""The estimate object of the API and the command line."""

from __future__ import annotations

from dataclasses import asdict

from simsvc.domain.estimate.corrected import calibration_sentence
from simsvc.messages import Message
from simsvc.values import (
    AgePriorUse,
    AppliedCalibration,
    Decision,
    Estimate,
    Evidence,
    Neighbour,
    RecordedEstimate,
)


def describe(recorded: RecordedEstimate) -> dict[str, object]:
    """Return a recorded estimate as an object ready for JSON."""
    declared = recorded.estimate.declared
    return {
        "id": recorded.id,
        "number": recorded.number,
        "created_at": recorded.created_at.isoformat(timespec="milliseconds"),
        "asked_by": recorded.estimate.asked_by,
        "case": declared.case,
        "birth_date": declared.birth_date.isoformat() if declared.birth_date else None,
        "photo_date": declared.photo_date.isoformat() if declared.photo_date else None,
        **describe_unrecorded(recorded.estimate),
    }


def describe_unrecorded(estimate: Estimate) -> dict[str, object]:
    """Return the fields that do not depend on the record."""
    return {
        "photo": estimate.photo_name,
        "photo_sha256": estimate.photo_sha256,
        "status": estimate.status,
        "code": estimate.code,
        "sentence": _text(estimate.sentence),
        "age_years": None if estimate.age_years is None else round(estimate.age_years, 2),
        "raw_age_years": None if estimate.raw_age_years is None else round(estimate.raw_age_years, 2),
        "interval_years": [round(end, 2) for end in estimate.interval_years or ()] or None,
        "coverage": estimate.coverage,
        "calibration": _calibration(estimate.calibration) if estimate.calibration else None,
        "refer": estimate.refer,
        "refer_reason": _text(estimate.refer_reason),
        "evidence": _evidence(estimate.evidence) if estimate.evidence else None,
        "support": None if estimate.support is None else round(estimate.support, 4),
        "neighbours": [_neighbour(near) for near in estimate.neighbours],
        "flags": list(estimate.flags),
        "quality": asdict(estimate.quality) if estimate.quality else None,
        "model": estimate.model,
        "model_sha256": estimate.model_sha256,
        "index": estimate.index,
        "engine": estimate.engine,
        "age_prior": _age_prior(estimate.age_prior) if estimate.age_prior else None,
        "doubt": None if estimate.doubt is None else round(estimate.doubt, 4),
        "ms": estimate.ms,
    }


def describe_decision(made: Decision) -> dict[str, object]:
    """Return a recorded decision as an object ready for JSON."""
    return {
        "number": made.number,
        **asdict(made.draft),
        "decided_by": made.decided_by,
        "created_at": made.created_at.isoformat(timespec="milliseconds"),
    }


def _text(message: Message | None) -> str | None:
    return None if message is None else str(message)


def _age_prior(used: AgePriorUse) -> dict[str, object]:
    return {**asdict(used), "model_age_years": round(used.model_age_years, 2)}


def _evidence(evidence: Evidence) -> dict[str, object]:
    return {**asdict(evidence), "neighbours_age_years": round(evidence.neighbours_age_years, 2)}


def _calibration(applied: AppliedCalibration) -> dict[str, object]:
    return {
        **asdict(applied),
        "bias_years": round(applied.bias_years, 2),
        "shift_years": round(applied.shift_years, 2),
        "cover": round(applied.cover, 4),
        "sentence": str(calibration_sentence(applied)),
    }


def estimated_age(near: Neighbour) -> float | None:
    """Return the model's estimate of a neighbour, rounded, or None if unknown."""
    return None if near.estimated_age_years is None else round(near.estimated_age_years, 2)


def _neighbour(near: Neighbour) -> dict[str, object]:
    return {
        "face_id": near.face_id,
        "age_years": round(near.age_years, 2),
        "similarity": round(near.similarity, 4),
        "estimated_age_years": estimated_age(near),
    }
