from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import session_options
from tests.trainer.mirrored_graphs import FILTERS, Front, quantised_front
from trainer.export.fold_stem import folded, kernels_by_parity, rows_by_parity
from trainer.options import BUNDLE


def run(model: onnx.ModelProto, crops: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), session_options(1), providers=["CPUExecutionProvider"]
    )
    answer: NDArray[np.float32] = session.run(["pooled"], {"crops": crops})[0]
    return answer


def pictures(count: int, side_px: int, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, 3, side_px, side_px)).astype(np.float32)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_gives_the_very_same_bytes(count: int, relu: bool) -> None:
    """Own halves and mirrored ones are equal bit for bit, in their order, whatever the batch."""
    plain = quantised_front(Front(relu=relu))
    crops = pictures(count, 16)
    before, after = run(plain, crops), run(folded(plain), crops)
    assert before.shape == (2 * count, FILTERS, 4, 4)
    assert len(np.unique(before)) > 20
    assert not np.array_equal(before[:count], before[count:])
    assert np.array_equal(before, after)


def test_sides_of_the_shipped_model() -> None:
    """195 pixels and seven taps: 98 of either parity, the last odd row and column zeros that meet zeros."""
    plain = quantised_front(Front(side_px=160, seen_px=195))
    after = folded(plain)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in after.graph.initializer}
    assert {(196, 160), (160, 196), (2 * FILTERS, 12, 4, 4)} <= set(shapes.values())
    assert np.array_equal(run(plain, pictures(2, 160)), run(after, pictures(2, 160)))


@st.composite
def fronts(draw: st.DrawFn) -> Front:
    """Fronts of any kernel and pooling whose windows fit without anything left over."""
    kernel, pool, pool_stride = draw(st.integers(1, 8)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    convolved = pool + pool_stride * draw(st.integers(0, 3))
    seen_px = kernel + 2 * (convolved - 1)
    front = Front(max(1, seen_px * 4 // 5), seen_px, kernel, pool=pool, pool_stride=pool_stride)
    zero_point, relu = draw(st.integers(0, 255)), draw(st.booleans())
    return replace(front, zero_point=zero_point, relu=relu, seed=draw(st.integers(0, 1000)))


@given(front=fronts(), count=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_any_sides_that_leave_nothing_over(front: Front, count: int) -> None:
    """Kernels odd and even, any zero point: where windows fit exactly, the answers are the same bytes."""
    plain = quantised_front(front)
    after = folded(plain)
    crops = pictures(count, front.side_px, front.seed)
    assert after is not plain
    assert np.array_equal(run(plain, crops), run(after, crops))


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(Front(seen_px=22), id="the convolution leaves a column over"),
        pytest.param(Front(side_px=160, seen_px=194), id="so it does at 194 pixels"),
        pytest.param(Front(seen_px=25), id="the pooling leaves a column over"),
        pytest.param(Front(pad=1), id="padded"),
        pytest.param(Front(stride=1), id="of stride 1"),
        pytest.param(Front(weight_zero_point=3), id="weights with a zero point"),
        pytest.param(Front(read_otherwise=True), id="read back with another zero point"),
        pytest.param(Front(enlarged=False, side_px=23), id="not enlarged"),
        pytest.param(Front(mirrored=False), id="not mirrored"),
        pytest.param(Front(shifted=True), id="another index than the reversing one"),
        pytest.param(Front(picture_told=True), id="the picture is an answer, too"),
    ],
)
def test_another_front_stays_as_it_is(front: Front) -> None:
    """What is not exactly of the known kind is given back, the very same object."""
    plain = quantised_front(front)
    before = plain.SerializeToString(deterministic=True)
    assert folded(plain) is plain
    assert plain.SerializeToString(deterministic=True) == before


def test_a_convolution_in_float_stays_as_it_is() -> None:
    """A spared first convolution has no QuantizeLinear before it, so nothing is folded."""
    plain = quantised_front(Front())
    quantised = {"QuantizeLinear": 0, "DequantizeLinear": 0}
    for node in plain.graph.node:
        if node.op_type in quantised:
            node.op_type = "Identity"
            del node.input[1:]
    assert folded(plain) is plain


def test_leaves_nothing_behind() -> None:
    """The given model is untouched; the new one mirrors no picture, has no idle constant, and is final."""
    plain = quantised_front(Front())
    plain.graph.value_info.append(onnx.helper.make_tensor_value_info("two", onnx.TensorProto.FLOAT, None))
    before = plain.SerializeToString(deterministic=True)
    after = folded(plain)
    kinds = Counter(node.op_type for node in after.graph.node)
    taken = {name for node in after.graph.node for name in node.input}
    assert plain.SerializeToString(deterministic=True) == before
    assert kinds["Gather"] == 0
    assert {tensor.name for tensor in after.graph.initializer} <= taken
    assert not after.graph.value_info
    assert folded(after) is after


def test_nothing_is_left_to_fold_in_the_shipped_model() -> None:
    """The graph in service is folded, or of a kind that cannot be."""
    shipped = onnx.load(load_bundle(BUNDLE).served_path)
    assert folded(shipped) is shipped


def test_kernels_and_rows_by_parity() -> None:
    """Rows 0 and 2, then 1 and zeros for the row that is lacking; a channel for the taps of a parity."""
    assert rows_by_parity(np.arange(1, 4, dtype=np.float32)[:, None]).ravel().tolist() == [1, 3, 2, 0]
    kernels = np.arange(1, 10, dtype=np.int8).reshape(1, 1, 3, 3)
    assert kernels_by_parity(kernels).tolist() == [
        [[[1, 3], [7, 9]], [[2, 0], [8, 0]], [[4, 6], [0, 0]], [[5, 0], [0, 0]]]
    ]
