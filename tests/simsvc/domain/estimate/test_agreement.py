from __future__ import annotations

from dataclasses import replace

import pytest

from simsvc.domain.estimate.agreement import OTHER_ENGINE, SAME_ENGINE, differences, tolerance
from simsvc.values import Estimate, Neighbour

RECORDED = Estimate(
    photo_name="a.jpg",
    photo_sha256="0" * 64,
    status="estimated",
    age_years=40.0,
    interval_years=(30.0, 50.0),
    coverage=0.9,
    neighbours=(Neighbour("f1", 41.0, 0.3), Neighbour("f2", 39.0, 0.4)),
    engine="onnxruntime int8",
)


@pytest.mark.parametrize(
    ("recorded", "replayed", "same"),
    [
        ("onnxruntime int8", "onnxruntime int8", True),
        ("onnxruntime int8", "onnxruntime fp32", False),
        ("onnxruntime int8", "openvino int8", False),
        (None, "onnxruntime int8", True),
        (None, "openvino int8", False),
    ],
)
def test_the_tolerance_is_wider_for_another_engine(recorded: str | None, replayed: str, same: bool) -> None:
    """One engine in the same numbers repeats itself; earlier records were made by ONNX Runtime."""
    allowed = tolerance(replace(RECORDED, engine=recorded), replace(RECORDED, engine=replayed))
    assert allowed is (SAME_ENGINE if same else OTHER_ENGINE)


def test_another_engine_agrees_within_its_tolerance() -> None:
    """What two engines round otherwise is no difference; by one engine it is one."""
    moved = replace(RECORDED, age_years=40.4, interval_years=(30.4, 50.4))
    assert not differences(RECORDED, replace(moved, engine="openvino int8"))
    assert [found.what for found in differences(RECORDED, moved)] == ["age_years", "interval_years"]


def test_beyond_it_the_engine_is_named() -> None:
    """Where another engine does not agree, the answer says first which engines made both."""
    found = differences(RECORDED, replace(RECORDED, age_years=50.0, engine="openvino fp32"))
    assert [entry.what for entry in found] == ["engine", "age_years"]
    assert (found[0].recorded, found[0].replayed) == ("onnxruntime int8", "openvino fp32")
