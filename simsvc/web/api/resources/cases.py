"""/api/v1/cases: cases as a whole."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow.fields import Float, Integer, List, Nested, String
from marshmallow.validate import Length, OneOf

from simsvc.domain.estimate.combine import Combined
from simsvc.domain.estimate.output.serialize import describe, describe_decision
from simsvc.values import VERDICTS
from simsvc.values.cases import CasePhoto, Contradiction, PhotoUpload, TimelineEntry
from simsvc.web.api.common.blueprint import Resource, in_path
from simsvc.web.api.common.schemas import EstimateSummary, Strict, maybe, moment, needed
from simsvc.web.rendering.case_view import case_view

resource = Resource("cases", __name__, "Cases: the photos of one applicant together.")

REFERENCE_IN_PATH = in_path("reference", "^[^?#]{1,64}$")


class CombinedEstimate(Strict):
    """The combined estimate of several photos of a case."""

    age_years = needed(Float, "Median of the estimates, each adjusted to `day`.")
    interval_years = maybe(
        List, "Median lower and upper ends.", cls_or_instance=Float(), validate=Length(equal=2)
    )
    coverage = maybe(Float, "Minimum share of people within a range like this.")
    day = needed(String, "Date of the latest photo.", metadata={"format": "date"})
    photos = needed(Integer, "Number of different photos.")


class OtherUpload(Strict):
    """Another record of the same photo."""

    id = needed(String, "ID of the record.")
    number = needed(Integer, "Number of the record.")
    case = maybe(String, "Its case.")
    created_at = moment("When it was recorded, UTC.")


class CaseEstimate(EstimateSummary):
    """A photo of a case."""

    verdict = maybe(
        String, "Verdict on the declared age; null if none is declared.", validate=OneOf(VERDICTS)
    )
    declared_years = maybe(Integer, "Declared age in the photo.")
    other_uploads = needed(List, "Other records of the same photo.", cls_or_instance=Nested(OtherUpload))


class DateContradiction(Strict):
    """Declared dates that do not agree."""

    kind = needed(
        String, "What does not agree.", validate=OneOf(["births_differ", "before_birth", "age_jumps"])
    )
    sentence = needed(String, "Explanation for people.")
    numbers = needed(List, "Numbers of both records.", cls_or_instance=Integer())


class Happening(Strict):
    """Something that happened to the case."""

    at = moment("When, UTC.")
    sentence = needed(String, "What happened.")
    actor = maybe(String, 'Who did it: "user:<id>", "token:<id>" or, for example, "command".')
    numbers = needed(List, "Numbers of the records it is about.", cls_or_instance=Integer())
    events = maybe(
        List,
        "First and last event in the log; null if it is older than the log.",
        cls_or_instance=Integer(),
        validate=Length(equal=2),
    )


class Case(Strict):
    """A case."""

    case = needed(String, "The case reference.")
    verdict = maybe(
        String,
        "Verdict on the declared age by the combined estimate, or by the only reliable photo; null if no "
        "birth date is declared.",
        validate=OneOf(VERDICTS),
    )
    declared_years = maybe(Integer, "Declared age on the day of the estimate; null without one birth date.")
    combined = maybe(
        Nested, "Combined estimate; null with fewer than two reliable photos.", nested=CombinedEstimate
    )
    undecided = needed(Integer, "Number of photos without a decision.")
    contradictions = needed(
        List, "Declared dates that do not agree.", cls_or_instance=Nested(DateContradiction)
    )
    photos = needed(List, "Oldest first.", cls_or_instance=Nested(CaseEstimate))
    timeline = needed(List, "Oldest first.", cls_or_instance=Nested(Happening))


@resource.get("/cases/<path:reference>/summary", parameters=[REFERENCE_IN_PATH])
@resource.response(200, Case)
def show(reference: str) -> ResponseReturnValue:
    """Read a case: its verdict, photos and timeline."""
    found = case_view(reference)
    summary = found.summary
    return jsonify(
        case=found.reference,
        verdict=summary.verdict,
        declared_years=summary.declared_years,
        combined=_combined(summary.together) if summary.together else None,
        undecided=len(found.undecided),
        contradictions=[_contradiction(one) for one in found.contradictions],
        photos=[_photo(photo) for photo in found.photos],
        timeline=[_happening(entry) for entry in found.timeline],
    )


def _combined(found: Combined) -> dict[str, Any]:
    return {
        "age_years": round(found.age_years, 2),
        "interval_years": [round(end, 2) for end in found.interval_years or ()] or None,
        "coverage": found.coverage,
        "day": found.day.isoformat(),
        "photos": found.photos,
    }


def _photo(photo: CasePhoto) -> dict[str, Any]:
    described = describe(photo.record)
    del described["neighbours"]
    return {
        **described,
        "decision": describe_decision(photo.decision) if photo.decision else None,
        "verdict": photo.verdict,
        "declared_years": photo.declared_years,
        "other_uploads": [_upload(upload) for upload in photo.uploads],
    }


def _upload(upload: PhotoUpload) -> dict[str, Any]:
    return {
        "id": upload.public_id,
        "number": upload.number,
        "case": upload.case,
        "created_at": upload.created_at.isoformat(timespec="milliseconds"),
    }


def _contradiction(found: Contradiction) -> dict[str, Any]:
    return {"kind": found.kind, "sentence": str(found.sentence), "numbers": list(found.numbers)}


def _happening(entry: TimelineEntry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(timespec="milliseconds"),
        "sentence": str(entry.what),
        "actor": entry.actor,
        "numbers": list(entry.numbers),
        "events": list(entry.events) if entry.events else None,
    }
