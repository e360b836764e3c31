from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.estimate.support import K, kth_distances, measure, support
from simsvc.values import FloatVector, Neighbour, SupportScale


def unit(rows: int, dims: int = 6, seed: int = 0) -> FloatVector:
    vectors = np.random.default_rng(seed).standard_normal((rows, dims))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def found_at(distance: float, k: int = K) -> list[Neighbour]:
    return [Neighbour(f"f{n}", 30.0, distance) for n in range(k)]


@pytest.mark.parametrize("rows", [11, 255, 256, 257, 600])
def test_the_distance_is_that_of_a_plain_search_without_the_row_itself(rows: int) -> None:
    """Sorting all distances of every row, itself left out, gives the same k-th."""
    vectors = unit(rows)
    between = np.linalg.norm(vectors[:, None].astype(float) - vectors[None].astype(float), axis=2)
    np.fill_diagonal(between, np.inf)
    np.testing.assert_allclose(kth_distances(vectors, K), np.sort(between, axis=1)[:, K - 1], atol=1e-6)


def test_a_twin_counts_as_a_neighbour() -> None:
    """Of two equal rows each is the other's nearest, at no distance."""
    vectors = np.concatenate([unit(4), unit(4)])
    np.testing.assert_allclose(kth_distances(vectors, 1), 0.0, atol=1e-6)


def test_the_order_of_the_rows_does_not_matter() -> None:
    """A gallery measured backwards has the same percentiles."""
    vectors = unit(300)
    assert measure(vectors) == measure(vectors[::-1].copy())


@pytest.mark.parametrize(("rows", "measured"), [(K, False), (K + 1, True)])
def test_too_few_faces_have_no_scale(rows: int, measured: bool) -> None:
    """A face needs ten others before its tenth neighbour can be measured."""
    assert (measure(unit(rows)) is not None) is measured


@given(st.floats(0, 2))
def test_support_is_the_share_at_least_as_far(distance: float) -> None:
    """Counting the gallery's own distances gives the same share, to the width of a percentile."""
    vectors = unit(500)
    share = support(found_at(distance), measure(vectors))
    assert share is not None
    assert share == pytest.approx((kth_distances(vectors, K) >= distance).mean(), abs=0.0101)


@given(st.lists(st.floats(0, 2), min_size=2, max_size=2))
def test_farther_is_never_better_supported(distances: list[float]) -> None:
    """Support falls with distance, from 1 to 0."""
    scale = measure(unit(200))
    near, far = (support(found_at(distance), scale) for distance in sorted(distances))
    assert near is not None
    assert far is not None
    assert 1.0 >= near >= far >= 0.0


def test_equal_distances_all_count() -> None:
    """Where every face of the gallery is equally far, a query just as far has full support."""
    scale = SupportScale(K, (0.5,) * 101)
    assert [support(found_at(d), scale) for d in (0.4, 0.5, 0.51)] == [1.0, 1.0, 0.0]


def test_an_index_without_a_scale_says_nothing() -> None:
    """No scale, or fewer faces found than k: None, not a guess."""
    assert support(found_at(0.3), None) is None
    assert support(found_at(0.3, K - 1), SupportScale(K, (0.5,) * 101)) is None


@pytest.mark.parametrize(
    ("k", "percentiles"),
    [(0, (0.1,) * 101), (10, (0.1,) * 100), (10, (0.2,) * 100 + (0.1,)), (10, (0.1,) * 100 + (2.1,))],
)
def test_a_scale_checks_itself(k: int, percentiles: tuple[float, ...]) -> None:
    """A scale needs k of 1 and up and 101 ascending distances in 0..2."""
    with pytest.raises(ValueError, match=r"support|angular|ascend"):
        SupportScale(k, percentiles)
