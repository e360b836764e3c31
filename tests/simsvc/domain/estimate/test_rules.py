from __future__ import annotations

import pytest

from simsvc.domain.estimate.flags import FLAGS, flag_sentence
from simsvc.domain.estimate.rules import Rules, parse_rules
from simsvc.domain.photo.quality import FORMER_SIDE_PX, SIDE_PX
from simsvc.errors import BundleDamaged
from simsvc.values import Quality
from tests.simsvc.domain.estimate.helpers import RAW, SHA

QUALITY = {"sharpness_at_least": 30, "yaw_at_most": 0.4, "source": "measured on drawn faces"}


def test_a_bundle_that_says_nothing_has_no_rules() -> None:
    """Without the three entries nothing is calibrated, limited or withheld."""
    assert parse_rules({"format": 1}, SHA) == Rules()


def test_what_the_bundle_says_is_read() -> None:
    """Calibration, thresholds and withheld flags come as they are stated."""
    rules = parse_rules({"calibration": RAW, "quality": QUALITY, "withhold": ["blurred"]}, SHA)
    assert rules.calibration is not None
    assert rules.calibration.faces == 300
    assert rules.thresholds == {"sharpness_at_least": 30.0, "yaw_at_most": 0.4}
    assert rules.withhold == ("blurred",)


@pytest.mark.parametrize(
    "raw",
    [
        {"calibration": None},
        {"quality": []},
        {"quality": {"sharpness_at_least": 30}},
        {"quality": {**QUALITY, "charm_at_least": 3}},
        {"quality": {**QUALITY, "sharpness_at_least": "30"}},
        {"quality": {**QUALITY, "sharpness_at_least": True}},
        {"quality": {**QUALITY, "sharpness_at_least": -1}},
        {"quality": {**QUALITY, "sharpness_at_least": float("nan")}},
        {"quality": {**QUALITY, "side_px": 31}},
        {"quality": {**QUALITY, "side_px": 10**9}},
        {"quality": {**QUALITY, "side_px": 96.0}},
        {"withhold": "blurred"},
        {"withhold": {"sharpness_at_least": 30}},
        {"withhold": {**QUALITY, "charm_at_least": 3}},
        {"withhold": {**QUALITY, "gallery_faces": 1.5}},
        {"withhold": {**QUALITY, "gallery_faces": True}},
        {"quality": {**QUALITY, "support_at_least": 0.1}},
        {"withhold": ["ugly"]},
        {"withhold": [3]},
        {"withhold": [["blurred"]]},
    ],
)
def test_nonsense_is_a_damaged_bundle(raw: dict[str, object]) -> None:
    """An entry that cannot be applied stops the service with a sentence instead of being ignored."""
    with pytest.raises(BundleDamaged, match=r"model\.json"):
        parse_rules(raw, SHA)


def test_ranges_that_need_a_doubt_score_stop_a_model_without_one() -> None:
    """It would have no ranges, so it says so when it is loaded."""
    with pytest.raises(BundleDamaged, match="calibrat"):
        parse_rules({"calibration": {**RAW, "format": 2, "doubt_power": 0.7}}, SHA)


def test_a_calibration_of_another_model_stops_the_service() -> None:
    """The rules of a bundle never hold another model's intervals."""
    with pytest.raises(BundleDamaged, match="different model"):
        parse_rules({"calibration": RAW}, "00" * 32)


@pytest.mark.parametrize(
    ("raw", "side_px"),
    [({}, SIDE_PX), ({"quality": QUALITY}, FORMER_SIDE_PX), ({"quality": {**QUALITY, "side_px": 96}}, 96)],
)
def test_quality_is_measured_as_its_bounds_were(raw: dict[str, object], side_px: int) -> None:
    """Bounds say the side of the crops they are of; those that do not are of the former one."""
    assert parse_rules(raw, SHA).quality_px == side_px


def test_only_withheld_flags_refer_to_a_person() -> None:
    """The reason names every withheld flag that was raised, and no other."""
    rules = Rules(withhold=("blurred", "tilted"))
    assert rules.refer_reason(("too_dark",)) is None
    assert rules.refer_reason(()) is None
    both = rules.refer_reason(("tilted", "too_dark", "blurred"))
    assert str(both) == f"{FLAGS['tilted']} {FLAGS['blurred']}"


def test_a_flag_of_a_later_version_is_named() -> None:
    """A recorded flag without words is still shown."""
    assert str(flag_sentence("worn_mask")) == "Flag: worn mask."


def test_bounds_of_another_model_stop_the_service() -> None:
    """Thresholds say whose they are, as the calibration does; those that say nothing are taken."""
    for name in ("quality", "withhold"):
        with pytest.raises(BundleDamaged, match="trainer withhold"):
            parse_rules({name: {**QUALITY, "model_sha256": "00" * 32}}, SHA)
        assert parse_rules({name: {**QUALITY, "model_sha256": SHA}}, SHA) == parse_rules({name: QUALITY}, SHA)


def test_a_second_level_of_bounds_is_read() -> None:
    """A table under `withhold` holds the bounds beyond which a person judges, support among them."""
    rules = parse_rules({"withhold": {"source": "s", "sharpness_at_least": 8, "support_at_least": 0.1}}, SHA)
    assert rules.withhold == ()
    assert rules.withhold_beyond == {"sharpness_at_least": 8.0, "support_at_least": 0.1}


@pytest.mark.parametrize(
    ("quality", "support", "severe"),
    [
        (Quality(8.0, 120, 0, 0, 200), 0.1, ()),
        (Quality(7.9, 120, 0, 0, 200), None, ("blurred",)),
        (Quality(7.9, 120, 0, 0, 200), 0.09, ("unlike_the_gallery", "blurred")),
        (None, 0.09, ("unlike_the_gallery",)),
        (None, None, ()),
    ],
)
def test_severe_flags(quality: Quality | None, support: float | None, severe: tuple[str, ...]) -> None:
    """At a bound the estimate may stand, beyond it not; what was not measured withholds nothing."""
    rules = Rules(withhold_beyond={"sharpness_at_least": 8.0, "support_at_least": 0.1})
    assert rules.severe_flags(quality, support) == severe


def test_severe_flags_refer_to_a_person() -> None:
    """A flag that is raised mildly is a remark; the same flag raised severely is a reason."""
    assert Rules().refer_reason(("blurred",)) is None
    assert str(Rules().refer_reason(("tilted", "blurred"), ("blurred",))) == FLAGS["blurred"]


def test_little_support_withholds_only_in_galleries_as_large_as_the_measured_one() -> None:
    """In a smaller index the other bounds stay, and support refers no one."""
    bounds = {"source": "s", "sharpness_at_least": 8, "support_at_least": 0.1, "gallery_faces": 100}
    rules = parse_rules({"withhold": bounds}, SHA)
    assert rules.gallery_faces == 100
    assert rules.for_gallery(100).severe_flags(None, 0.0) == ("unlike_the_gallery",)
    assert rules.for_gallery(99).severe_flags(None, 0.0) == ()
    assert rules.for_gallery(99).withhold_beyond == {"sharpness_at_least": 8.0}
