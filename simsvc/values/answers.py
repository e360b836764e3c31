"""Estimates: frozen dataclasses that validate themselves."""

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
    """The neighbours' mean age, weighted by nearness, and how many are within five years of the estimate."""

    neighbours_age_years: float
    close: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.close <= self.count or self.count < 1:
            raise ValueError(f"{self.close} of {self.count} neighbours cannot be close")


@dataclass(frozen=True, slots=True)
class Quality:
    """Photo quality, measured by `domain.photo.quality`.

    Attributes:
        sharpness: variance of the Laplacian of the crop's luminance, 0 and up.
        luminance: mean of the crop, 0..255.
        dark_share: share of black pixels in the crop, 0..1.
        bright_share: share of white pixels in the crop, 0..1.
        face_px: longer side of the detector's box in pixels of the upload.
        yaw: offset of the nose from the middle of the eyes, divided by the eye distance; positive to the
            picture's right. None, like the two below, without landmarks.
        roll_deg: tilt of the line through the eyes, -180..180 degrees; positive is clockwise.
        pitch: position of the nose tip between eyes (0) and mouth (1).
        turned_deg: rotation applied to make the photo upright, counter-clockwise, 0..359 degrees. None, like
            the four below, in older records.
        crop_outside: share of the crop outside the photo, 0..1.
        box_outside: share of the detector's box outside the photo, 0..1.
        border_gap: distance of the outermost landmark from the photo's edge, divided by the longer side of
            the detector's box; negative outside. Also None without landmarks.
        confidence: detection confidence, 0..1.
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
"""Fields of `Quality` missing in the first records; the log omits those that are None."""


@dataclass(frozen=True, slots=True)
class AgePriorUse:
    """The `domain.estimate.age_prior.AgePrior.text` of a prior, and the model's estimate without it."""

    ages: str
    sha256: str
    model_age_years: float


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """The effect of the site calibration on an estimate.

    Attributes:
        method: "none", "curve", "local" or "curve+local"; see `domain.calibration.site_calibration`.
        bias_years: mean error of the model on them; positive is too old.
        shift_years: years added to the model's estimate.
        cover: how well the reference faces cover this estimate, 0..1; at 0 nothing was corrected.
    """

    method: str
    reason: str | None
    faces: int
    persons: int
    bias_years: float
    shift_years: float
    cover: float


LATER_FACTS = frozenset({"engine", "age_prior", "doubt", "raw_age_years", "calibration"})
"""Fields of `Estimate` missing in the first records; the log omits those that are None."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate or a refusal.

    Attributes:
        photo_name: name sent by the client; shown escaped, never used as a path.
        photo_sha256: of the uploaded bytes.
        sentence: explanation: why the photo was refused and what to do, or how the reference faces agree.
        age_years: the estimate, corrected by the site calibration if there is one, or None.
        interval_years: range (low, high), or None if the model has no calibration.
        neighbours: nearest first.
        evidence: how far they bear the estimate out, or None where there are none.
        support: share of the gallery's faces that are at least as far from their own neighbours as this face
            is, 0..1; None where the index was built without that measure.
        flags: what a person should know, such as "other_faces_behind".
        index: "name/build" of the index.
        face_changes: number of sets of face changes applied to that build.
        bundle_sha256: of the model's model.json, which lists every file's hash; None in older records.
        engine: inference engine and number format, such as "openvino int8"; None in older records, which used
            ONNX Runtime.
        doubt: doubt score, see `domain.estimate.doubt`; None if the model has none.
        ms: milliseconds by step.
        embedding: of the crop, unit length (D,), or None; stored separately and not read back.
        asked_by: public ID of the account, "token:<id>" of an API token, or None for the command line.
        photo: the upload's bytes if photos are kept; not read back.
        raw_age_years: estimate before site calibration; None, like `calibration`, without one.
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
        """Return whether the estimate is unreliable and needs review."""
        return self.refer_reason is not None


@dataclass(frozen=True, slots=True)
class RecordedEstimate:
    """An estimate recorded at a time in UTC: a public id, 32 random hex digits, and a number from 1 on."""

    id: str
    number: int
    created_at: datetime
    estimate: Estimate
