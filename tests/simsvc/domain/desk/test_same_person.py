from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.desk.same_person import MEASURED_MODEL_SHA256, to_compare
from simsvc.settings import load_settings
from simsvc.values import FloatVector
from tests.tiny_bundle import fingerprint


def unit(*values: float) -> FloatVector:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_one_other_face_is_shown_with_the_most_typical_one() -> None:
    """Of five faces, the one that is far from the rest makes one pair, wherever it is."""
    near = [unit(1, 0.1 * n, 0) for n in range(4)]
    for at in range(5):
        faces = [*near[:at], unit(-1, 0, 1), *near[at:]]
        ((typical, other),) = to_compare(faces)
        assert other == at
        assert typical != at


@given(st.lists(st.floats(-0.3, 0.3), max_size=6))
def test_faces_close_to_each_other_ask_nothing(turns: list[float]) -> None:
    """Nothing is asked of no photo, one photo, or photos that are all alike."""
    assert to_compare([unit(np.cos(turn), np.sin(turn)) for turn in turns]) == []


def test_the_bound_was_measured_with_the_shipped_model() -> None:
    """Another shipped model needs `python -m trainer same-person` again."""
    model = load_settings({}).bundle_dir / "model.onnx"
    assert fingerprint(model)["sha256"] == MEASURED_MODEL_SHA256
