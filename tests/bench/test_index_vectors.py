from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.gallery.nearest import unit
from tests.bench.index.vectors import K, Source, Vectors, drawn, sample, shape


def on_a_sphere(count: int, inside: int, dims: int = 32) -> Vectors:
    """Return unit vectors of which all but `inside` numbers are 0: a sphere of inside - 1 dimensions."""
    rows = np.zeros((count, dims))
    rows[:, :inside] = np.random.default_rng(2).standard_normal((count, inside))
    return unit(rows).astype(np.float32)


@pytest.mark.parametrize("inside", [3, 6])
def test_the_intrinsic_dimension_is_that_of_the_sphere(inside: int) -> None:
    """Points on a sphere of d dimensions, in a space of 32, have about d."""
    assert shape(on_a_sphere(4_000, inside))["intrinsic_dimension"] == pytest.approx(inside - 1, rel=0.15)


def test_draws_stay_where_the_rows_are() -> None:
    """Draws around rows of a sphere have unit length, stay in its space, and are as many as asked for."""
    rows = on_a_sphere(1_000, 4)
    source = Source(rows)
    made = drawn(source.rows, source.neighbours, 3_000, 0.9, 5)
    assert made.shape == (3_000, 32)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-5)
    assert np.abs(made[:, 4:]).max() == 0.0


def test_questions_are_held_out_and_answered_exactly() -> None:
    """No question is a row, and the truth is the tenth nearest by brute force."""
    rows = on_a_sphere(500, 8)
    source = Source(rows)
    found = sample(source.rows, source.questions, "real")
    assert len(source.rows) + len(source.questions) == 500
    cosines = np.sort(source.questions.astype(np.float64) @ source.rows.T.astype(np.float64), axis=1)
    np.testing.assert_allclose(found.least, cosines[:, -K], atol=1e-6)
    assert cosines.max() < 1.0
