"""What goes over the wire, for the document and its tests: the estimate object and what belongs to it."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from simsvc.domain.desk.decisions import TEXT_CHARACTERS
from simsvc.domain.desk.declared import CASE_CHARACTERS, OLDEST_YEARS
from simsvc.domain.estimate.flags import FLAGS
from simsvc.store.history import DECIDED, STATUSES
from simsvc.values import DECISION_KINDS
from simsvc.values.site_calibration import METHODS, REASONS
from simsvc.web.api.fields import NO_CONTROL, NO_NUL, Instant, Paragraphs, Text, Whole

MOST_ROWS = 100
USUAL_ROWS = 25
ID = validate.Regexp(r"^[0-9a-f]{32}$")
SHA256 = validate.Regexp(r"^[0-9a-f]{64}$")


def needed(kind: type[fields.Field[Any]], description: str, **more: Any) -> Any:
    """Return a field that every answer has."""
    metadata = {"description": description, **more.pop("metadata", {})}
    return kind(required=True, metadata=metadata, **more)


def maybe(kind: type[fields.Field[Any]], description: str, **more: Any) -> Any:
    """Return a field that every answer has and that may be null."""
    return needed(kind, description, allow_none=True, **more)


def moment(description: str, *, null: bool = False) -> Any:
    """Return an instant of an answer, as text."""
    return needed(fields.String, description, allow_none=null, metadata={"format": "date-time"})


class Strict(Schema):
    """An object that has these fields and no other."""

    class Meta:
        """Of marshmallow."""

        unknown = RAISE


class Evidence(Strict):
    """How far the neighbours bear the estimate out."""

    neighbours_age_years = needed(fields.Float, "Their mean age, weighted by nearness.")
    close = needed(fields.Integer, "How many lie within five years of the estimate.")
    count = needed(fields.Integer, "How many there are.")


class Quality(Strict):
    """What the photo offers for judging the face."""

    sharpness = needed(fields.Float, "Variance of the Laplacian of the crop's luminance.")
    luminance = needed(fields.Float, "Mean of the crop, 0 to 255.")
    dark_share = needed(fields.Float, "Share of black pixels.")
    bright_share = needed(fields.Float, "Share of white pixels.")
    face_px = needed(fields.Float, "Longer side of the face in pixels of the upload.")
    yaw = maybe(fields.Float, "How far the nose stands off the middle of the eyes, over their distance.")
    roll_deg = maybe(fields.Float, "Tilt of the line through the eyes; positive is clockwise.")
    pitch = maybe(fields.Float, "How far down from the eyes to the mouth the nose tip stands.")
    turned_deg = maybe(fields.Integer, "How far the photo was turned upright, counter-clockwise.")
    crop_outside = maybe(fields.Float, "Share of the crop that lies outside the photo.")
    box_outside = maybe(fields.Float, "Share of the face's box that lies outside the photo.")
    confidence = maybe(fields.Float, "The detector's confidence that this is a face, 0 to 1.")
    border_gap = maybe(fields.Float, "How far inside the photo the face's features lie, over its size.")


class ShownNeighbour(Strict):
    """A labelled face near the judged one."""

    face_id = needed(fields.String, "Which labelled face.")
    age_years = needed(fields.Float, "Its label when the estimate was made.")
    similarity = needed(fields.Float, "Cosine of the two embeddings, -1 to 1.")
    estimated_age_years = maybe(fields.Float, "The model's estimate of it, made without it.")


class SiteCalibration(Strict):
    """What the reference faces of the index build did to the estimate."""

    method = needed(fields.String, "How it was corrected.", validate=validate.OneOf(METHODS))
    reason = maybe(fields.String, "Why there is no calibration.", validate=validate.OneOf(REASONS))
    faces = needed(fields.Integer, "Reference faces of real people that it rests on.")
    persons = needed(fields.Integer, "How many people they show.")
    bias_years = needed(fields.Float, "How much too old the model reads them on average.")
    shift_years = needed(fields.Float, "Added to the model's estimate.")
    cover = needed(fields.Float, "How far they cover this estimate, 0 to 1; at 0 nothing was corrected.")
    sentence = needed(fields.String, "The same in words.")


class AgePrior(Strict):
    """The prior over ages that an estimate rests on, too."""

    ages = needed(fields.String, "A span of ages, or pairs of age and weight.")
    sha256 = needed(fields.String, "Of that text.", validate=SHA256)
    model_age_years = needed(fields.Float, "The model's own estimate, without the prior.")


class EstimateRecord(Strict):
    """An estimate on record, without its neighbours."""

    id = needed(fields.String, "Public id.", validate=ID)
    number = needed(fields.Integer, "Running number.")
    created_at = moment("When it was recorded, UTC.")
    asked_by = maybe(fields.String, 'Account, or "token:<id>" of the program; null for a command.')
    case = maybe(fields.String, "Reference of the case.")
    birth_date = maybe(fields.String, "As declared.", metadata={"format": "date"})
    photo_date = maybe(fields.String, "When the photo was taken, as declared.", metadata={"format": "date"})
    photo = needed(fields.String, "What the client called the photo.")
    photo_sha256 = needed(fields.String, "Of the uploaded bytes.", validate=SHA256)
    status = needed(
        fields.String, "Whether there is an estimate.", validate=validate.OneOf(["estimated", "refused"])
    )
    code = maybe(fields.String, "Stable code of a refusal.")
    sentence = maybe(fields.String, "What a person should read.")
    age_years = maybe(fields.Float, "The estimate, corrected by the site calibration where there is one.")
    raw_age_years = maybe(
        fields.Float, "The model's own estimate; null where the index build has no site calibration."
    )
    interval_years = maybe(
        fields.List,
        "Low and high end of the range.",
        cls_or_instance=fields.Float(),
        validate=validate.Length(equal=2),
    )
    coverage = maybe(fields.Float, "Share of faces whose age such a range holds.")
    calibration = maybe(
        fields.Nested,
        "Site calibration; null for index builds made before there was one.",
        nested=SiteCalibration,
    )
    refer = needed(fields.Boolean, "Whether a person should judge instead.")
    refer_reason = maybe(fields.String, "Why.")
    evidence = maybe(fields.Nested, "What the neighbours say.", nested=Evidence)
    support = maybe(fields.Float, "Share of labelled faces at least as far from their own neighbours.")
    flags = needed(fields.List, "What a person should know.", cls_or_instance=fields.String())
    quality = maybe(fields.Nested, "What the photo offers.", nested=Quality)
    model = maybe(fields.String, "Version of the model.")
    model_sha256 = maybe(fields.String, "Of its weights.")
    index = maybe(fields.String, "Build of the index, name/build.")
    engine = maybe(fields.String, "What ran the model; null in older records, which ONNX Runtime made.")
    age_prior = maybe(fields.Nested, "The prior over ages, where one was set.", nested=AgePrior)
    doubt = maybe(
        fields.Float, "Predicted ln(1 + absolute error in years); null for a model without the measure."
    )
    ms = needed(fields.Dict, "Milliseconds by step.", keys=fields.String(), values=fields.Float())


class Estimate(EstimateRecord):
    """An estimate on record."""

    neighbours = needed(fields.List, "Nearest first.", cls_or_instance=fields.Nested(ShownNeighbour))


class EstimateBatch(Strict):
    """What became of the photos of one request, in their order."""

    items = needed(fields.List, "One estimate for each photo.", cls_or_instance=fields.Nested(Estimate))


class Decision(Strict):
    """A decision on record. The one with the highest number counts."""

    number = needed(fields.Integer, "1 and up within its estimate.")
    kind = needed(fields.String, "What was decided.", validate=validate.OneOf(DECISION_KINDS))
    age_years = maybe(fields.Integer, "The age that takes the estimate's place, of an override.")
    reason = needed(fields.String, "Why it does.")
    note = needed(fields.String, "Anything else.")
    decided_by = needed(fields.String, 'Account, or "token:<id>" of the program.')
    created_at = moment("When, UTC.")


class Decisions(Strict):
    """The decisions on an estimate."""

    items = needed(fields.List, "The one that counts first.", cls_or_instance=fields.Nested(Decision))


class EstimateSummary(EstimateRecord):
    """An estimate of a list, with the decision that counts."""

    decision = maybe(fields.Nested, "The decision that counts.", nested=Decision)


class EstimatePage(Strict):
    """A page of a list, newest first."""

    items = needed(fields.List, "Newest first.", cls_or_instance=fields.Nested(EstimateSummary))
    next = maybe(fields.String, "Cursor of the page after this one; null on the last.")


class Neighbour(Strict):
    """A labelled face near the judged one, as the index build knows it."""

    rank = needed(fields.Integer, "1 is the nearest.")
    face_id = needed(fields.String, "Which labelled face.")
    age_years = needed(fields.Float, "Its label when the estimate was made.")
    distance = needed(fields.Float, "Angular, 0 to 2.")
    similarity = needed(fields.Float, "Cosine of the two embeddings, -1 to 1.")
    estimated_age_years = maybe(fields.Float, "The model's estimate of it, made without it.")
    source = maybe(fields.String, "Data set it came from; null where the build is no longer there.")
    reference = maybe(fields.String, "Its name in that data set.")


class Neighbours(Strict):
    """The neighbours of an estimate."""

    index = maybe(fields.String, "Build that was searched.")
    items = needed(fields.List, "Nearest first.", cls_or_instance=fields.Nested(Neighbour))


class EstimateFilter(Strict):
    """What estimates are searched for; what is left out asks nothing."""

    case = Text(
        metadata={"description": "Part of the case reference."},
        validate=[validate.Length(1, CASE_CHARACTERS), validate.Regexp(NO_CONTROL)],
    )
    since = Instant(metadata={"description": "Recorded at or after."})
    before = Instant(metadata={"description": "Recorded before."})
    status = fields.String(
        validate=validate.OneOf(STATUSES),
        metadata={"description": "`withheld` is estimated, but a person should judge."},
    )
    flag = fields.String(validate=validate.OneOf(tuple(FLAGS)))
    model = Text(validate=[validate.Length(1, 128), validate.Regexp(NO_CONTROL)])
    index = Text(validate=[validate.Length(1, 130), validate.Regexp(NO_CONTROL)])
    decision = fields.String(validate=validate.OneOf(DECIDED), metadata={"description": "That counts."})


class EstimateQuery(EstimateFilter):
    """A page of a search."""

    limit = Whole(load_default=USUAL_ROWS, validate=validate.Range(1, MOST_ROWS))
    cursor = Text(
        metadata={"description": "`next` of the page before; the other fields stay as they were."},
        validate=[validate.Length(1, 400), validate.Regexp(NO_CONTROL)],
    )


class NewDecision(Strict):
    """A decision to put on record."""

    kind = fields.String(required=True, validate=validate.OneOf(DECISION_KINDS))
    age_years = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, OLDEST_YEARS),
        metadata={"description": "Of an override."},
    )
    reason = Paragraphs(
        load_default="",
        validate=[validate.Length(max=TEXT_CHARACTERS), validate.Regexp(NO_NUL)],
        metadata={"description": "Of an override."},
    )
    note = Paragraphs(
        load_default="", validate=[validate.Length(max=TEXT_CHARACTERS), validate.Regexp(NO_NUL)]
    )
    after = fields.Integer(
        strict=True,
        load_default=0,
        validate=validate.Range(0, 10**8),
        metadata={"description": "Number of the latest decision that was seen, 0 for none."},
    )
