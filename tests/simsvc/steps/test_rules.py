from __future__ import annotations

import pytest

from simsvc.errors import BundleDamaged
from simsvc.steps.flags import FLAGS, flag_sentence
from simsvc.steps.rules import Rules, parse_rules
from tests.simsvc.steps.test_interval import RAW, SHA

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
        {"withhold": "blurred"},
        {"withhold": ["ugly"]},
        {"withhold": [3]},
        {"withhold": [["blurred"]]},
    ],
)
def test_nonsense_is_a_damaged_bundle(raw: dict[str, object]) -> None:
    """An entry that cannot be applied stops the service with a sentence instead of being ignored."""
    with pytest.raises(BundleDamaged, match=r"model\.json"):
        parse_rules(raw, SHA)


def test_a_calibration_of_another_model_stops_the_service() -> None:
    """The rules of a bundle never hold another model's intervals."""
    with pytest.raises(BundleDamaged, match="another model"):
        parse_rules({"calibration": RAW}, "00" * 32)


def test_only_withheld_flags_refer_to_a_person() -> None:
    """The reason names every withheld flag that was raised, and no other."""
    rules = Rules(withhold=("blurred", "tilted"))
    assert rules.refer_reason(("too_dark",)) is None
    assert rules.refer_reason(()) is None
    both = rules.refer_reason(("tilted", "too_dark", "blurred"))
    assert both == f"{FLAGS['tilted']} {FLAGS['blurred']}"


def test_a_flag_of_a_later_version_is_named() -> None:
    """A recorded flag without words is still shown."""
    assert flag_sentence("worn_mask") == "Flag: worn mask."
