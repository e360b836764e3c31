"""Turned, cut-off and small faces through the steps of the service, with the shipped model."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.flags import DOUBTFUL, FEW_REFERENCE_FACES
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.errors import FaceNotFound
from simsvc.flows.estimates.estimate import EstimatePipeline, answered
from simsvc.settings import PACKAGE_DIR
from simsvc.values import EVERY_FACE, Estimate, FaceFilter, FloatVector, Neighbour, RecordedEstimate
from trainer.datasets.copies import SIDES, cut_at, turned_by

SHARED = Path(__file__).resolve().parents[4] / "shared"
FAR_YEARS = 10.0
Judge = Callable[[bytes], Estimate]

pytestmark = [pytest.mark.data, pytest.mark.slow]


class NoIndex:
    """An index without a face."""

    label, face_changes, count, support_scale, calibration = "none/b-1", 0, 0, None, None

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        del embedding, k, wanted
        return ()

    def thumbnail(self, face_id: str) -> bytes:
        raise FaceNotFound(face_id)


class NoRecorder:
    def record(self, estimate: Estimate) -> RecordedEstimate:
        raise AssertionError(f"nothing is recorded here: {estimate}")


@pytest.fixture(scope="module")
def pipeline() -> EstimatePipeline:
    bundle = load_bundle(PACKAGE_DIR / "bundle" / "model")
    rules = parse_rules(bundle.raw, bundle.sha256)
    return EstimatePipeline(detector_of(bundle), OnnxModel(bundle), NoIndex, NoRecorder(), rules=rules)


@pytest.fixture(scope="module")
def judge(pipeline: EstimatePipeline) -> Judge:
    return lambda data: answered(data, "photo", pipeline)


def folder(name: str) -> Path:
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"../shared/{name} is not here")
    return path


def some(name: str, count: int = 4) -> list[Path]:
    photos = sorted(folder(f"data/{name}").glob("*.jpg"))
    return photos[:: max(1, len(photos) // count)][:count]


def as_png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=1)
    return file.getvalue()


def flags(answer: Estimate) -> tuple[str, ...]:
    """Return what is said of the photo; that there are no reference faces is true of all of them."""
    return tuple(flag for flag in answer.flags if flag != FEW_REFERENCE_FACES)


def misleads(answer: Estimate, whole: Estimate) -> bool:
    """Say whether an answer is given without referral, and far from the one for the whole, upright photo."""
    if answer.age_years is None or answer.refer:
        return False
    assert whole.age_years is not None
    return abs(answer.age_years - whole.age_years) > FAR_YEARS


@pytest.mark.parametrize("name", ["004_180", "016_180", "104_180"])
def test_a_photo_on_its_head_is_judged_as_upright(judge: Judge, name: str) -> None:
    """Turned back by a half turn the face has its upright age within two years, and people are told."""
    photos = folder("cases/upside_down")
    turned = judge((photos / f"{name}.jpg").read_bytes())
    upright = judge((photos / f"{name[:3]}_upright.jpg").read_bytes())
    assert turned.age_years == pytest.approx(upright.age_years, abs=2)
    assert (flags(turned), flags(upright)) == (("turned_upright",), ())
    assert turned.quality is not None
    assert turned.quality.turned_deg == 180


def test_a_photo_askew_is_judged_upright(judge: Judge) -> None:
    """A face at 45 degrees is set upright before it is judged."""
    turned = judge((folder("cases/upside_down") / "112_45.jpg").read_bytes())
    assert turned.quality is not None
    assert turned.quality.turned_deg in range(300, 331)
    assert turned.quality.roll_deg == pytest.approx(0, abs=12)


def test_a_face_that_ends_at_the_border_is_referred(judge: Judge) -> None:
    """The cut face goes to a person, for that reason; the whole one does not."""
    photos = folder("cases/cut_off")
    cut, whole = (judge((photos / f"020_{name}.jpg").read_bytes()) for name in ("cut", "whole"))
    assert "cut_off" in cut.flags
    assert cut.refer
    assert (flags(whole), whole.refer) == ((), False)


@pytest.mark.parametrize("name", ["48mp.jpg", "tall.jpg"])
def test_a_small_face_in_a_huge_photo_is_found_or_told_to_crop(judge: Judge, name: str) -> None:
    """Whoever sends such a photo reads what to do."""
    answer = judge((folder("cases/small_in_large") / name).read_bytes())
    assert answer.status == "estimated" or "rop the" in str(answer.sentence)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["portraits", "us_congress"])
def test_no_turned_face_misleads(judge: Judge, name: str) -> None:
    """Turned by any of eight angles, no face is answered without referral far from its upright age."""
    for path in some(name):
        whole, picture = judge(path.read_bytes()), decode(path.read_bytes()).picture
        for deg in (45, 90, 135, 180, 225, 270, 315):
            assert not misleads(judge(as_png(turned_by(picture, deg))), whole), (path.name, deg)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["portraits", "us_congress"])
def test_no_cut_face_misleads(judge: Judge, pipeline: EstimatePipeline, name: str) -> None:
    """Cut off at any side, no face is answered without referral far from its whole age."""
    for path in some(name):
        whole, photo = judge(path.read_bytes()), decode(path.read_bytes())
        face = pick(pipeline.detector.detect(photo)).face
        for side in SIDES:
            for kept in (0.85, 0.7, 0.55):
                cut = cut_at(photo.rgb, face, side, kept)
                assert cut is not None
                assert not misleads(judge(as_png(cut)), whole), (path.name, side, kept)


def test_whole_upright_photos_pass(judge: Judge) -> None:
    """Of 36, none is refused, flagged or referred, but for three that the model may doubt: it doubts 5%."""
    names = ("portraits", "us_congress", "bundestag")
    answers = [judge(path.read_bytes()) for name in names for path in some(name, 12)]
    sure = [answer for answer in answers if DOUBTFUL not in answer.flags]
    assert len(sure) >= 33
    assert {(answer.code, flags(answer), answer.refer_reason) for answer in sure} == {(None, (), None)}


def test_a_photo_has_one_age_in_any_colour_space(judge: Judge) -> None:
    """The same picture as sRGB and as ProPhoto RGB is judged alike, within a year."""
    photos = folder("cases/wide_gamut")
    ages = [judge((photos / name).read_bytes()).age_years for name in ("srgb.jpg", "ProPhoto.jpg")]
    assert ages[1] == pytest.approx(ages[0], abs=1)


def test_a_profile_is_told_as_one(judge: Judge) -> None:
    """A head turned far aside is referred as that, and not called tilted."""
    answer = judge((folder("data/fairface") / "fairface_0503.jpg").read_bytes())
    assert "turned_aside" in answer.flags
    assert "tilted" not in answer.flags
    assert answer.refer


def test_a_blurred_portrait_is_told_as_one(judge: Judge) -> None:
    """A portrait blurred by a hundredth of its width is referred as blurred."""
    picture = decode(some("portraits", 1)[0].read_bytes()).picture
    answer = judge(as_png(np.asarray(picture.filter(ImageFilter.GaussianBlur(picture.width / 100)))))
    assert flags(answer) == ("blurred",)
    assert answer.refer
