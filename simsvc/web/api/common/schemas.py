"""Schemas of estimates, neighbours and decisions, for the API document and its tests."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema
from marshmallow.fields import Boolean, Dict, Field, Float, Integer, List, Nested, String
from marshmallow.validate import Length, OneOf, Range, Regexp

from simsvc.domain.desk.decisions import TEXT_CHARACTERS
from simsvc.domain.desk.declared import CASE_CHARACTERS, OLDEST_YEARS
from simsvc.domain.estimate.flags import FLAGS
from simsvc.store.desk.history import DECIDED, STATUSES
from simsvc.values import DECISION_KINDS, VERDICTS
from simsvc.values.site_calibration import METHODS, REASONS
from simsvc.web.api.common.fields import NO_CONTROL, NO_NUL, Instant, Paragraphs, Text, Whole

MOST_ROWS = 100
USUAL_ROWS = 25
ID = Regexp(r"^[0-9a-f]{32}$")
SHA256 = Regexp(r"^[0-9a-f]{64}$")
PARAGRAPHS = [Length(max=TEXT_CHARACTERS), Regexp(NO_NUL)]


def needed(kind: type[Field[Any]], description: str, **more: Any) -> Any:
    """Return a required field."""
    metadata = {"description": description, **more.pop("metadata", {})}
    return kind(required=True, metadata=metadata, **more)


def maybe(kind: type[Field[Any]], description: str, **more: Any) -> Any:
    """Return a required field that may be null."""
    return needed(kind, description, allow_none=True, **more)


def moment(description: str, *, null: bool = False) -> Any:
    """Return a required date-time field, as text."""
    return needed(String, description, allow_none=null, metadata={"format": "date-time"})


def one_line(most: int, description: str, *, required: bool = False) -> Text:
    """Return a field of one line with up to so many characters."""
    checks = [Length(1, most), Regexp(NO_CONTROL)]
    return Text(required=required, validate=checks, metadata={"description": description})


class Strict(Schema):
    """Base of all objects: unknown fields are refused."""

    class Meta:
        """Marshmallow options."""

        unknown = RAISE


class Evidence(Strict):
    """How well the neighbours agree with the estimate."""

    neighbours_age_years = needed(Float, "Mean age of the neighbours, weighted by similarity.")
    close = needed(Integer, "Number of neighbours within five years of the estimate.")
    count = needed(Integer, "Number of neighbours.")


class Quality(Strict):
    """Photo quality."""

    sharpness = needed(Float, "Variance of the Laplacian of the crop's luminance.")
    luminance = needed(Float, "Mean of the crop, 0 to 255.")
    dark_share = needed(Float, "Share of black pixels.")
    bright_share = needed(Float, "Share of white pixels.")
    face_px = needed(Float, "Longer side of the face in pixels of the upload.")
    yaw = maybe(
        Float, "Head turn: offset of the nose from the middle of the eyes, divided by the eye distance."
    )
    roll_deg = maybe(Float, "Head tilt: angle of the line through the eyes; positive is clockwise.")
    pitch = maybe(Float, "Head pitch: position of the nose tip between eyes (0) and mouth (1).")
    turned_deg = maybe(Integer, "Rotation applied to make the photo upright, counter-clockwise.")
    crop_outside = maybe(Float, "Share of the crop outside the photo.")
    box_outside = maybe(Float, "Share of the face box outside the photo.")
    confidence = maybe(Float, "The detector's confidence that this is a face, 0 to 1.")
    border_gap = maybe(
        Float, "Distance of the facial landmarks from the edge of the photo, divided by the face size."
    )


class ShownNeighbour(Strict):
    """A reference face similar to the face in the photo."""

    face_id = needed(String, "ID of the reference face.")
    age_years = needed(Float, "Known age when the estimate was made.")
    similarity = needed(Float, "Cosine of the two embeddings, -1 to 1.")
    estimated_age_years = maybe(
        Float, "The model's estimate of this reference face, made without using the face itself."
    )


class SiteCalibration(Strict):
    """How the site calibration of the index build changed the estimate."""

    method = needed(String, "Method of correction.", validate=OneOf(METHODS))
    reason = maybe(String, "Why there is no calibration.", validate=OneOf(REASONS))
    faces = needed(Integer, "Number of reference faces of real people used.")
    persons = needed(Integer, "Number of people in them.")
    bias_years = needed(Float, "Mean error of the model on them; positive is too old.")
    shift_years = needed(Float, "Years added to the model's estimate.")
    cover = needed(
        Float, "How well the reference faces cover this estimate, 0 to 1; at 0 nothing was corrected."
    )
    sentence = needed(String, "Summary in words.")


class AgePrior(Strict):
    """The age prior used for the estimate."""

    ages = needed(String, "A span of ages, or pairs of age and weight.")
    sha256 = needed(String, "SHA-256 of `ages`.", validate=SHA256)
    model_age_years = needed(Float, "The model's estimate without the prior.")


class EstimateRecord(Strict):
    """A recorded estimate, without its neighbours."""

    id = needed(String, "ID of the estimate.", validate=ID)
    number = needed(Integer, "Sequential number.")
    created_at = moment("When it was recorded, UTC.")
    asked_by = maybe(String, 'Account ID, or "token:<id>" of the API token; null for the command line.')
    case = maybe(String, "Case reference.")
    birth_date = maybe(String, "Declared birth date.", metadata={"format": "date"})
    photo_date = maybe(String, "Declared date of the photo.", metadata={"format": "date"})
    photo = needed(String, "File name sent by the client.")
    photo_sha256 = needed(String, "SHA-256 of the uploaded file.", validate=SHA256)
    status = needed(String, "Whether the age was estimated.", validate=OneOf(["estimated", "refused"]))
    code = maybe(String, "Stable code, if refused.")
    sentence = maybe(String, "Explanation for people.")
    age_years = maybe(Float, "The estimate, corrected by the site calibration if there is one.")
    raw_age_years = maybe(Float, "The estimate before site calibration; null if the index build has none.")
    interval_years = maybe(
        List, "Lower and upper end of the range.", cls_or_instance=Float(), validate=Length(equal=2)
    )
    coverage = maybe(Float, "Share of faces whose age is within a range like this.")
    calibration = maybe(
        Nested, "Site calibration; null for index builds made before it existed.", nested=SiteCalibration
    )
    refer = needed(Boolean, "Whether the estimate is unreliable and needs review.")
    refer_reason = maybe(String, "Why it needs review.")
    evidence = maybe(Nested, "Agreement with the neighbours.", nested=Evidence)
    support = maybe(
        Float,
        "Share of reference faces at least as far from their own neighbours; low means few similar faces.",
    )
    flags = needed(List, "Warnings about the photo or the estimate.", cls_or_instance=String())
    quality = maybe(Nested, "Photo quality.", nested=Quality)
    model = maybe(String, "Model version.")
    model_sha256 = maybe(String, "SHA-256 of the model weights.")
    index = maybe(String, "Index build, name/build.")
    engine = maybe(String, "Inference engine; null in older records, which used ONNX Runtime.")
    age_prior = maybe(Nested, "Age prior, if one was set.", nested=AgePrior)
    doubt = maybe(Float, "Predicted ln(1 + absolute error in years); null if the model does not predict it.")
    ms = needed(Dict, "Processing time by step, in milliseconds.", keys=String(), values=Float())


class Estimate(EstimateRecord):
    """A recorded estimate."""

    neighbours = needed(List, "Most similar first.", cls_or_instance=Nested(ShownNeighbour))


class EstimateBatch(Strict):
    """The results of the photos of one request, in order."""

    items = needed(List, "One estimate per photo.", cls_or_instance=Nested(Estimate))


class Decision(Strict):
    """A recorded decision. The one with the highest number is current."""

    number = needed(Integer, "Number of the decision on this estimate, from 1.")
    kind = needed(
        String,
        "accept: plausible; override: not plausible; need_more: more is needed; refer: sent for review.",
        validate=OneOf(DECISION_KINDS),
    )
    age_years = maybe(Integer, "For an override: the assessed age.")
    reason = needed(String, "For an override: the reason.")
    note = needed(String, "Note.")
    decided_by = needed(String, 'Account ID, or "token:<id>" of the API token.')
    created_at = moment("When it was recorded, UTC.")


class Decisions(Strict):
    """The decisions on an estimate."""

    items = needed(List, "Newest first; the first one is current.", cls_or_instance=Nested(Decision))


class EstimateSummary(EstimateRecord):
    """An estimate in a list, with the verdict and the current decision."""

    verdict = maybe(
        String,
        "Whether the declared age fits the estimate; null where no birth date is declared.",
        validate=OneOf(VERDICTS),
    )
    decision = maybe(Nested, "The current decision.", nested=Decision)


class EstimatePage(Strict):
    """A page of estimates, newest first."""

    items = needed(List, "Newest first.", cls_or_instance=Nested(EstimateSummary))
    next = maybe(String, "Cursor of the next page; null on the last page.")


class Neighbour(Strict):
    """A reference face similar to the face in the photo, with its origin."""

    rank = needed(Integer, "1 is the most similar.")
    face_id = needed(String, "ID of the reference face.")
    age_years = needed(Float, "Known age when the estimate was made.")
    distance = needed(Float, "Angular distance, 0 to 2.")
    similarity = needed(Float, "Cosine of the two embeddings, -1 to 1.")
    estimated_age_years = maybe(
        Float, "The model's estimate of this reference face, made without using the face itself."
    )
    source = maybe(String, "Data set it came from; null if the build no longer exists.")
    reference = maybe(String, "Name in that data set.")


class Neighbours(Strict):
    """The neighbours of an estimate."""

    index = maybe(String, "Index build that was searched.")
    items = needed(List, "Most similar first.", cls_or_instance=Nested(Neighbour))


class EstimateFilter(Strict):
    """Filters for estimates; all are optional."""

    case = one_line(CASE_CHARACTERS, "Part of the case reference.")
    since = Instant(metadata={"description": "Recorded at or after this time."})
    before = Instant(metadata={"description": "Recorded before this time."})
    status = String(
        validate=OneOf(STATUSES), metadata={"description": "`withheld`: estimated, but unreliable."}
    )
    flag = String(validate=OneOf(tuple(FLAGS)))
    model = Text(validate=[Length(1, 128), Regexp(NO_CONTROL)])
    index = Text(validate=[Length(1, 130), Regexp(NO_CONTROL)])
    decision = String(validate=OneOf(DECIDED), metadata={"description": "The current decision."})
    verdict = String(
        validate=OneOf(VERDICTS),
        metadata={"description": "`cannot_tell`: the estimate is unreliable."},
    )


class EstimateQuery(EstimateFilter):
    """Filters and page of a search."""

    limit = Whole(load_default=USUAL_ROWS, validate=Range(1, MOST_ROWS))
    cursor = one_line(400, "`next` of the previous page; keep the other fields unchanged.")


class NewDecision(Strict):
    """A decision to record."""

    kind = String(required=True, validate=OneOf(DECISION_KINDS))
    age_years = Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=Range(0, OLDEST_YEARS),
        metadata={"description": "Required for an override: the assessed age."},
    )
    reason = Paragraphs(
        load_default="", validate=PARAGRAPHS, metadata={"description": "Required for an override."}
    )
    note = Paragraphs(
        load_default="",
        validate=PARAGRAPHS,
        metadata={"description": "Required for need_more: what is needed."},
    )
    after = Integer(
        strict=True,
        load_default=0,
        validate=Range(0, 10**8),
        metadata={"description": "Number of the latest decision you have seen; 0 for none."},
    )
