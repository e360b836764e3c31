"""The answer, as it is recorded and shown: frozen values that validate themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from simsvc.messages import Message
from simsvc.values.desk import Declaration
from simsvc.values.faces import Crop, FloatVector, Neighbour

Status = Literal["estimated", "refused"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """How far the neighbours bear the estimate out, in figures.

    Attributes:
        neighbours_age_years: their mean age, weighted by nearness.
        close: how many lie within five years of the estimate.
        count: how many there are.
    """

    neighbours_age_years: float
    close: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.close <= self.count or self.count < 1:
            raise ValueError(f"{self.close} of {self.count} neighbours cannot be close")


@dataclass(frozen=True, slots=True)
class Quality:
    """What the photo offers for judging the face; how each is measured is said in `domain.photo.quality`.

    Attributes:
        sharpness: variance of the Laplacian of the crop's luminance, 0 and up.
        luminance: mean of the crop, 0..255.
        dark_share: share of the crop's pixels that are black, 0..1.
        bright_share: share of the crop's pixels that are white, 0..1.
        face_px: longer side of the detector's box in pixels of the upload.
        yaw: how far the nose stands off the middle of the eyes, over the distance of the eyes; positive
            towards the picture's right. None, like the two below, where the detector gives no landmarks.
        roll_deg: how far the line through the eyes is tilted, -180..180 degrees; positive is clockwise.
        pitch: how far down from the eyes to the mouth the nose tip stands, 0..1 in a frontal face.
        turned_deg: how far the photo was turned upright before anything was measured, counter-clockwise,
            0..359 degrees. None, like the four below, in older records.
        crop_outside: share of the crop that lies outside the photo, 0..1.
        box_outside: share of the detector's box that lies outside the photo, 0..1.
        border_gap: how far inside the photo the outermost eye, nose or mouth corner lies, over the longer
            side of the detector's box; negative outside. None, too, where there are no landmarks.
        confidence: the detector's own that this is a face, 0..1.
    """

    sharpness: float
    luminance: float
    dark_share: float
    bright_share: float
    face_px: float
    yaw: float | None = None
    roll_deg: float | None = None
    pitch: float | None = None
    turned_deg: int | None = None
    crop_outside: float | None = None
    box_outside: float | None = None
    border_gap: float | None = None
    confidence: float | None = None


LATER_MEASURES = frozenset({"turned_deg", "crop_outside", "box_outside", "border_gap", "confidence"})
"""Of `Quality`, what the first records did not have: the log leaves out those that are None."""


@dataclass(frozen=True, slots=True)
class AgePriorUse:
    """That an estimate rests on a prior over ages, too.

    Attributes:
        ages: the prior, as `domain.estimate.age_prior.AgePrior.text` writes it: "18-75", or "18:3.0,19:4.5".
        sha256: of that text.
        model_age_years: the model's own estimate, without the prior.
    """

    ages: str
    sha256: str
    model_age_years: float


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """What the site calibration of the index build did to an estimate.

    Attributes:
        method: "none", "curve", "local" or "curve+local"; see `domain.calibration.site_calibration`.
        reason: why there is no calibration, as a code; None where there is one.
        faces: real reference faces it rests on, or that there are.
        persons: how many people they show.
        bias_years: how much too old the model reads them on average.
        shift_years: what was added to the model's estimate.
        cover: how far the reference faces cover this estimate, 0..1; at 0 nothing was corrected.
    """

    method: str
    reason: str | None
    faces: int
    persons: int
    bias_years: float
    shift_years: float
    cover: float


LATER_FACTS = frozenset({"engine", "age_prior", "doubt", "raw_age_years", "calibration"})
"""Of `Estimate`, what the first records did not have: the log leaves out those that are None."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One answer, as it is recorded and shown.

    Attributes:
        photo_name: what the client called the photo; shown escaped, never a path.
        photo_sha256: of the uploaded bytes.
        status: "estimated" or "refused".
        code: stable code of the refusal, or None.
        sentence: what a person should read: why the photo was refused and what to do, or how far the nearest
            labelled faces agree with the estimate.
        age_years: the estimate, corrected by the site calibration where there is one, or None.
        interval_years: (low, high) around the estimate, or None where the model has no calibration.
        coverage: share of faces whose age such an interval holds, or None like the interval.
        neighbours: nearest first.
        evidence: how far they bear the estimate out, or None where there are none.
        support: share of the gallery's faces that are at least as far from their own neighbours as this face
            is, 0..1; None where the index was built without that measure.
        flags: what a person should know, such as "other_faces_behind".
        refer_reason: why a person should judge instead, or None.
        quality: what the photo offers for judging, or None.
        model: version of the model bundle.
        model_sha256: of the model's weights.
        index: "name/build" of the index.
        face_changes: how many sets of face changes lay over that build.
        bundle_sha256: of the model's model.json, which vouches for its every file; None in older records.
        engine: what ran the model, and in what numbers, such as "openvino int8"; None in older records, which
            ONNX Runtime made.
        age_prior: the prior over ages that the estimate rests on, too, or None.
        doubt: how likely it is to be far off, see `domain.estimate.doubt`; None for a model without that
            measure.
        ms: milliseconds by step.
        crop: what was judged, or None.
        embedding: the model's, unit length (D,), or None; kept beside the record, not read back with it.
        asked_by: public id of the account that asked, "token:<id>" of the program, or None for a command.
        declared: what the applicant's file says.
        photo: the upload's bytes where photos are kept, for the recorder; never read back into this value.
        raw_age_years: the model's own estimate; None, like the next, where the index build has no site
            calibration, as older ones.
        calibration: what the site calibration did.
    """

    photo_name: str
    photo_sha256: str
    status: Status
    code: str | None = None
    sentence: Message | None = None
    age_years: float | None = None
    interval_years: tuple[float, float] | None = None
    coverage: float | None = None
    neighbours: tuple[Neighbour, ...] = ()
    evidence: Evidence | None = None
    support: float | None = None
    flags: tuple[str, ...] = ()
    refer_reason: Message | None = None
    quality: Quality | None = None
    model: str | None = None
    model_sha256: str | None = None
    index: str | None = None
    face_changes: int = 0
    bundle_sha256: str | None = None
    engine: str | None = None
    age_prior: AgePriorUse | None = None
    doubt: float | None = None
    ms: dict[str, float] = field(default_factory=dict)
    crop: Crop | None = None
    embedding: FloatVector | None = field(default=None, compare=False, repr=False)
    asked_by: str | None = None
    declared: Declaration = field(default_factory=Declaration)
    photo: bytes | None = field(default=None, repr=False)
    raw_age_years: float | None = None
    calibration: AppliedCalibration | None = None

    def __post_init__(self) -> None:
        if (self.interval_years is None) != (self.coverage is None):
            raise ValueError("an interval and its coverage come together")
        if self.interval_years and self.interval_years[0] > self.interval_years[1]:
            raise ValueError(f"an interval runs from low to high, not {self.interval_years}")

    @property
    def refer(self) -> bool:
        """Say whether a person should judge instead of relying on the estimate."""
        return self.refer_reason is not None


@dataclass(frozen=True, slots=True)
class RecordedEstimate:
    """An estimate on record.

    Attributes:
        id: public: 32 hex digits that cannot be guessed.
        number: running number of the record, 1 and up.
        created_at: when it was recorded, UTC.
        estimate: what was recorded.
    """

    id: str
    number: int
    created_at: datetime
    estimate: Estimate
