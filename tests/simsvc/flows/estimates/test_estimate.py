from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from simsvc.domain.estimate.age_prior import parse_age_prior
from simsvc.domain.estimate.doubt import Doubt
from simsvc.domain.estimate.interval import Band, Calibration
from simsvc.domain.estimate.rules import Rules
from simsvc.domain.photo.decode import IN_SRGB, decode
from simsvc.domain.photo.quality import measure
from simsvc.errors import BundleDamaged, FaceNotFound, IndexMissing, PriorUnfit, StoreError
from simsvc.flows.estimates.estimate import EstimatePipeline, answered, estimate
from simsvc.flows.estimates.look import StepTimes
from simsvc.ports import Index
from simsvc.values import (
    AgePriorUse,
    Crop,
    Estimate,
    Face,
    FloatVector,
    Neighbour,
    Photo,
    Prediction,
    RecordedEstimate,
    SupportScale,
)
from simsvc.values.site_calibration import SiteCalibration


@dataclass
class OneFace:
    faces: tuple[Face, ...] = (Face(50, 50, 100, 100, 0.95),)

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        del photo
        return self.faces


@dataclass
class MeanBrightness:
    """Says that the age is the crop's mean brightness: an oracle for which pixels were judged."""

    version: str = "brightness-1"
    sha256: str = "aa" * 32
    dims: int = 2
    input_px: int = 32
    crop_margin: float = 1.0
    first_decode_px: int | None = None
    reading: int = IN_SRGB
    engine: str = "by hand"
    at_once: int = 1
    has_distribution: bool = False
    point: str = "mean"
    seen: list[Crop] = field(default_factory=list)

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        self.seen += crops
        ages = np.array([crop.rgb.mean() for crop in crops], dtype=np.float32)
        return Prediction(ages, np.tile(np.array([1, 0], dtype=np.float32), (len(crops), 1)))


@dataclass
class FixedIndex:
    neighbours: tuple[Neighbour, ...]
    label: str = "demo/b-1"
    support_scale: SupportScale | None = None
    calibration: SiteCalibration | None = None
    face_changes: int = 0
    asked: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.neighbours)

    def search(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        assert embedding.shape == (2,)
        self.asked.append(k)
        return self.neighbours[:k]

    def thumbnail(self, face_id: str) -> bytes:
        raise FaceNotFound(face_id)


@dataclass
class Memory:
    kept: list[Estimate] = field(default_factory=list)

    def record(self, estimate: Estimate) -> RecordedEstimate:
        self.kept.append(estimate)
        return RecordedEstimate("0" * 32, len(self.kept), datetime(2026, 1, 2, tzinfo=UTC), estimate)


class BrokenModel(MeanBrightness):
    def predict(self, crops: Sequence[Crop]) -> Prediction:
        del crops
        raise BundleDamaged("The model cannot be used.")


class FullDisk(Memory):
    def record(self, estimate: Estimate) -> RecordedEstimate:
        del estimate
        raise StoreError("The database is not available right now")


NEIGHBOURS = tuple(Neighbour(f"f{n}", 30.0 + n, 0.1 + 0.01 * n) for n in range(30))


def photo() -> bytes:
    """200 x 200, brightness 60 inside the face's box and 200 outside."""
    rgb = np.full((200, 200, 3), 200, dtype=np.uint8)
    rgb[50:150, 50:150] = 60
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def noisy() -> bytes:
    """Return noise, 200 x 200: its sharpness depends on the size that it is measured at."""
    buffer = io.BytesIO()
    rgb = np.random.default_rng(7).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def pipeline(**changes: object) -> EstimatePipeline:
    index = changes.pop("index", FixedIndex(NEIGHBOURS))
    parts: dict[str, object] = {
        "detector": OneFace(),
        "model": MeanBrightness(),
        "index": lambda: index,
        "recorder": Memory(),
        "neighbours": 12,
        **changes,
    }
    return EstimatePipeline(**parts)  # type: ignore[arg-type]  # the parts are fakes of the ports


def test_the_face_and_nothing_else_is_judged() -> None:
    """The model sees the box's pixels alone, and its answer is the estimate."""
    answer = estimate(photo(), "me.png", pipeline()).estimate
    assert answer.status == "estimated"
    assert answer.age_years == pytest.approx(60, abs=0.5)
    assert answer.crop is not None
    assert answer.crop.rgb.shape == (32, 32, 3)


def test_the_record_says_what_answered() -> None:
    """Photo hash, name, model, index and flags are on record."""
    memory = Memory()
    estimate(photo(), "me.png", pipeline(recorder=memory))
    (kept,) = memory.kept
    assert kept.photo_sha256 == hashlib.sha256(photo()).hexdigest()
    assert (kept.photo_name, kept.model, kept.model_sha256, kept.index) == (
        "me.png",
        "brightness-1",
        "aa" * 32,
        "demo/b-1",
    )


def test_more_is_asked_of_the_index_than_is_shown() -> None:
    """Twice as many are searched, so that twelve remain after duplicates are dropped."""
    index = FixedIndex((NEIGHBOURS[0], NEIGHBOURS[0], *NEIGHBOURS))
    answer = estimate(photo(), "me.png", pipeline(index=index)).estimate
    assert index.asked == [24]
    assert answer.neighbours == NEIGHBOURS[:12]


def test_support_needs_ten_neighbours_however_few_are_shown() -> None:
    """With one face shown, ten are still searched for the support."""
    index = FixedIndex(NEIGHBOURS, support_scale=SupportScale(10, tuple(0.001 * n for n in range(101))))
    answer = estimate(photo(), "me.png", pipeline(index=index, neighbours=1)).estimate
    assert index.asked == [10]
    assert (len(answer.neighbours), answer.support) == (1, 0.0)
    assert answer.flags == ("unlike_the_gallery",)


def test_the_models_rules_are_applied() -> None:
    """The interval is that of the model's calibration, and a withheld flag refers to a person."""
    bands = (Band(0.0, -5.0, 5.0, 9), Band(50.0, -30.0, 20.0, 9))
    rules = Rules(
        Calibration("m", 0.9, "aa" * 32, "s", "valid", 18, bands), {"sharpness_at_least": 1e9}, ("blurred",)
    )
    answer = estimate(photo(), "me.png", pipeline(rules=rules)).estimate
    assert answer.status == "estimated"
    assert answer.interval_years == pytest.approx((30, 80), abs=0.5)
    assert (answer.coverage, answer.flags, answer.refer) == (0.9, ("blurred",), True)


@pytest.mark.parametrize(("fewer", "referred"), [(0, True), (1, False)])
def test_little_support_refers_where_the_index_is_large_enough(fewer: int, referred: bool) -> None:
    """With as many faces as were measured against it is withheld; with fewer it is flagged alone."""
    index = FixedIndex(NEIGHBOURS, support_scale=SupportScale(10, tuple(0.001 * n for n in range(101))))
    rules = Rules(withhold_beyond={"support_at_least": 0.01}, gallery_faces=index.count + fewer)
    answer = estimate(photo(), "me.png", pipeline(index=index, rules=rules)).estimate
    assert (answer.flags, answer.refer) == (("unlike_the_gallery",), referred)


def test_the_photos_quality_is_on_record() -> None:
    """Brightness, size and sharpness are those of the face, not of what surrounds it."""
    quality = estimate(photo(), "me.png", pipeline()).estimate.quality
    assert quality is not None
    assert (quality.luminance, quality.face_px, quality.yaw) == (pytest.approx(60, abs=0.5), 100.0, None)


def test_quality_is_measured_at_the_size_of_its_bounds() -> None:
    """The crop that is measured has the side that the model's bounds name, whatever the model takes."""
    data, face, found = noisy(), OneFace().faces[0], []
    for side_px in (32, 96):
        at = pipeline(rules=Rules(quality_px=side_px))
        found.append(estimate(data, "me.png", at).estimate.quality)
        assert found[-1] == measure(decode(data), face, at.model.crop_margin, side_px)
    assert found[0] != found[1]


def test_an_empty_index_still_gives_an_estimate() -> None:
    """Without neighbours there is an age, and the sentence says that there is nothing to compare it with."""
    answer = estimate(photo(), "me.png", pipeline(index=FixedIndex(()))).estimate
    assert answer.age_years is not None
    assert str(answer.sentence) == "There is no reference face to compare this face with."
    assert (answer.evidence, answer.flags) == (None, ("few_reference_faces",))


def test_every_step_is_timed_in_order() -> None:
    """The times name each step, and the total comes last."""
    ms = estimate(photo(), "me.png", pipeline()).estimate.ms
    assert list(ms) == [
        "decode",
        "detect",
        "pick",
        "crop",
        "quality",
        "predict",
        "search",
        "rank",
        "explain",
        "total",
    ]
    assert all(value >= 0 for value in ms.values())


@pytest.mark.parametrize(
    ("data", "faces", "code", "last_step"),
    [
        (b"", (), "empty_photo", "decode"),
        (b"hello", (), "not_an_image", "decode"),
        (photo(), (), "no_face", "pick"),
        (photo(), (Face(0, 0, 20, 20, 0.99),), "face_too_small", "pick"),
        (photo(), (Face(0, 0, 90, 90, 0.99), Face(90, 0, 90, 90, 0.99)), "several_faces", "pick"),
    ],
)
def test_a_refusal_is_recorded_with_its_steps(
    data: bytes, faces: tuple[Face, ...], code: str, last_step: str
) -> None:
    """A photo that cannot be judged is on record with code, sentence and the times up to the refusal."""
    memory = Memory()
    recorded = estimate(data, "x", pipeline(recorder=memory, detector=OneFace(faces)))
    assert memory.kept == [recorded.estimate]
    answer = recorded.estimate
    assert (answer.status, answer.code, answer.age_years, answer.crop) == ("refused", code, None, None)
    assert answer.sentence
    assert list(answer.ms)[-2:] == [last_step, "total"]


def test_the_limit_on_bytes_is_that_of_the_pipeline() -> None:
    """A photo over the pipeline's limit is refused as too many bytes."""
    answer = estimate(photo(), "x", pipeline(max_bytes=10)).estimate
    assert answer.code == "photo_too_many_bytes"


def no_index() -> Index:
    raise IndexMissing("There is no index yet.")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"model": BrokenModel()}, BundleDamaged), ({"recorder": FullDisk()}, StoreError)],
)
def test_what_is_not_the_photos_fault_is_no_answer(changes: dict[str, object], kind: type[Exception]) -> None:
    """Trouble of the service propagates instead of being recorded as a refusal."""
    memory = Memory()
    with pytest.raises(kind):
        estimate(photo(), "x", pipeline(**{"recorder": memory, **changes}))
    assert memory.kept == []


def test_without_an_index_nothing_is_judged_or_recorded() -> None:
    """A missing index is found out before any work is done."""
    model, memory = MeanBrightness(), Memory()
    whole = EstimatePipeline(OneFace(), model, no_index, memory)
    with pytest.raises(IndexMissing):
        estimate(photo(), "x", whole)
    assert (model.seen, memory.kept) == ([], [])


def test_times_are_milliseconds_of_the_clock() -> None:
    """A step of 2.5 s on the clock is 2500 ms; the total runs from the start to the question."""
    ticks = iter([0.0, 1.0, 3.5, 4.0])
    times = StepTimes(lambda: next(ticks))
    with times.step("decode"):
        pass
    assert times.with_total() == {"decode": 2500.0, "total": 4000.0}


def test_a_step_within_a_step_is_counted_to_itself() -> None:
    """What is decoded again while faces are sought counts as decoding, and once."""
    ticks = iter([0.0, 0.0, 1.0, 1.0, 2.0, 5.0, 6.0, 6.0])
    times = StepTimes(lambda: next(ticks))
    with times.step("decode"):
        pass
    with times.step("detect"), times.step("decode"):
        pass
    assert times.with_total() == {"decode": 4000.0, "detect": 2000.0, "total": 6000.0}


@dataclass
class ToldAges(MeanBrightness):
    """Says that the face is 12 or 30, with all the distribution about it."""

    has_distribution: bool = True
    age_years: float = 30.0

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        shares = np.exp(-0.5 * ((np.arange(101) - self.age_years) / 4) ** 2)
        ages = np.full(len(crops), self.age_years, dtype=np.float32)
        return Prediction(
            ages,
            np.tile(np.array([1, 0], dtype=np.float32), (len(crops), 1)),
            np.tile((shares / shares.sum()).astype(np.float32), (len(crops), 1)),
            np.stack([ages - 1, ages + 1], axis=1),
        )


def test_the_engine_is_on_record() -> None:
    """Every answer says what ran the model, a refusal too."""
    at = pipeline()
    assert answered(photo(), "a.png", at).engine == "by hand"
    assert answered(b"no photo", "a.png", at).engine == "by hand"


def test_a_prior_moves_the_estimate_and_is_on_record() -> None:
    """The estimate is that of the re-weighted distribution; prior and the model's own one are recorded."""
    prior = parse_age_prior("30:1, 34:3")
    answer = answered(photo(), "a.png", pipeline(model=ToldAges(), age_prior=prior))
    near, far = 1.0, 3 * np.exp(-0.5)
    assert answer.age_years == pytest.approx((30 * near + 34 * far) / (near + far), abs=1e-3)
    assert answer.age_prior == AgePriorUse("30:1.0,34:3.0", prior.sha256, 30.0)
    assert not answer.refer


def test_a_face_outside_the_prior_is_referred() -> None:
    """Where the model's own estimate has no place in the prior, a person decides; the range keeps to it."""
    rules = Rules(Calibration("split", 0.9, "aa" * 32, "s", "valid", 9, (Band(0.0, -8.0, 8.0, 9),)))
    at = pipeline(model=ToldAges(age_years=12.0), age_prior=parse_age_prior("18-75"), rules=rules)
    answer = answered(photo(), "a.png", at)
    assert answer.age_years is not None
    assert 18 <= answer.age_years < 21
    assert answer.interval_years is not None
    assert answer.interval_years[0] == 18
    assert "outside_the_prior" in answer.flags
    assert answer.refer


def test_a_prior_needs_a_distribution() -> None:
    """With a model that gives none the answer is an error, not an estimate without the prior."""
    with pytest.raises(PriorUnfit, match="but the model gives no age distribution"):
        answered(photo(), "a.png", pipeline(age_prior=parse_age_prior("18-75")))


@pytest.mark.parametrize(("threshold", "doubtful"), [(0.5, True), (5.0, False)])
def test_doubt_above_the_threshold_is_referred(threshold: float, doubtful: bool) -> None:
    """The score is recorded, and above the threshold a person decides."""
    doubt = Doubt({"log_views": 1.0}, 0.0, threshold, "aa" * 32)
    answer = answered(photo(), "a.png", pipeline(model=ToldAges(), rules=Rules(doubt=doubt)))
    assert answer.doubt == pytest.approx(np.log(2.5))
    assert ("doubtful" in answer.flags) is answer.refer is doubtful


def test_a_model_without_a_distribution_has_no_doubt() -> None:
    """Rules that know the score leave a model alone that cannot be asked for it."""
    doubt = Doubt({"log_views": 1.0}, 9.0, 0.0, "aa" * 32)
    answer = answered(photo(), "a.png", pipeline(rules=Rules(doubt=doubt)))
    assert answer.doubt is None
    assert not answer.refer
