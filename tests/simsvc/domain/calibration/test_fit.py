from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.calibration.fit import (
    FOLDS,
    LEAST_FACES,
    LEAST_SLOPE,
    ReferenceFaces,
    corrected,
    fit,
    fit_curve,
    folds_of,
    range_of,
    standard_error,
)
from simsvc.domain.calibration.site_calibration import NearFace, blended, correct, scale
from simsvc.domain.gallery.stored_calibration import document, parsed
from simsvc.values.site_calibration import Curve, SiteCalibration

MODEL = "ab" * 32
DIMS = 8


def faces(
    count: int = 200,
    *,
    bias_years: float = 0.0,
    noise_years: float = 3.0,
    persons: int | None = None,
    clusters: float = 0.0,
    ages: tuple[float, float] = (5.0, 80.0),
    seed: int = 0,
) -> ReferenceFaces:
    """Return faces whose estimates are off by a bias, noise, and what faces that look alike share."""
    random = np.random.default_rng(seed)
    known = random.uniform(*ages, count)
    rows = random.standard_normal((count, DIMS))
    rows[:, 0] = np.sign(rows[:, 0]) * 4.0  # two kinds of faces, far apart
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    shared = clusters * np.sign(rows[:, 0])
    estimates = np.maximum(0.0, known + bias_years + shared + noise_years * random.standard_normal(count))
    numbers = np.arange(count) % (persons or count)
    return ReferenceFaces(known, estimates, numbers, vectors)


def test_a_biased_model_is_corrected_by_a_curve() -> None:
    """A model that reads 6 years too old is corrected by about that, and its range holds new faces."""
    made = fit(faces(bias_years=6.0), MODEL).calibration
    assert (made.method, made.reason, made.faces, made.persons) == ("curve", None, 200, 200)
    assert made.bias_years == pytest.approx(6.0, abs=0.6)
    new = faces(2_000, bias_years=6.0, seed=1)
    answers = [correct(years, (), made) for years in new.estimates_years.tolist()]
    errors = np.array([one.age_years for one in answers]) - new.ages_years
    assert abs(errors.mean()) < 1.0
    held = [
        one.interval_years is not None and one.interval_years[0] <= age <= one.interval_years[1]
        for one, age in zip(answers, new.ages_years.tolist(), strict=True)
    ]
    assert 0.85 < np.mean(held) < 0.96


def test_a_right_model_is_left_alone() -> None:
    """Where no candidate is clearly better, nothing is corrected; the figures of all are kept."""
    made = fit(faces(120, noise_years=1.0, seed=2), MODEL)
    assert (made.calibration.method, made.calibration.reason) == ("none", "no_gain")
    assert made.calibration.curve is None
    assert [one.method for one in made.calibration.candidates] == ["none", "curve", "local", "curve+local"]
    assert np.array_equal(made.left_out_years, faces(120, noise_years=1.0, seed=2).estimates_years)


def test_errors_that_similar_faces_share_are_corrected_by_them() -> None:
    """Two kinds of faces, one read too old and one too young: only their own neighbours tell them apart."""
    made = fit(faces(300, clusters=8.0), MODEL).calibration
    assert made.uses_neighbours
    near = [NearFace(0.3, 48.0, 40.0)] * 24
    assert correct(48.0, near, made).age_years < 45.0
    assert correct(48.0, [NearFace(0.3, 40.0, 48.0)] * 24, made).age_years > 48.0


@pytest.mark.parametrize(
    ("gallery", "reason"),
    [
        (faces(LEAST_FACES - 1, bias_years=9.0), "few_faces"),
        (faces(0), "few_faces"),
        (faces(100, bias_years=9.0, persons=1), "one_person"),
        (faces(100, bias_years=9.0, persons=9), "few_persons"),
        (faces(100, bias_years=9.0, ages=(30.0, 30.0)), "one_age"),
        (faces(100, bias_years=9.0, ages=(30.0, 38.0)), "one_age"),
    ],
)
def test_some_galleries_say_nothing(gallery: ReferenceFaces, reason: str) -> None:
    """Too few faces or people, or one age, allow no calibration, however wrong the model is."""
    made = fit(gallery, MODEL)
    assert (made.calibration.method, made.calibration.reason) == ("none", reason)
    assert correct(35.0, (), made.calibration).interval_years is None
    assert np.array_equal(made.left_out_years, gallery.estimates_years)


def test_nothing_is_corrected_beyond_the_estimates_of_the_gallery() -> None:
    """Outside the reference faces' own estimates the model's is kept, with its own range."""
    made = fit(faces(bias_years=6.0, ages=(20.0, 40.0)), MODEL).calibration
    for outside in (3.0, 70.0):
        answer = correct(outside, (), made)
        assert (answer.age_years, answer.cover, answer.interval_years) == (outside, 0.0, None)
    assert correct(36.0, (), made).cover == 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-20, 20), st.floats(0, 15))
def test_the_curve_never_changes_the_order_of_two_faces(seed: int, bias: float, noise: float) -> None:
    """The corrected estimate rises with the model's everywhere, by the least slope or more."""
    curve = fit_curve(faces(60, bias_years=bias, noise_years=noise, seed=seed))
    years = np.linspace(-5.0, 110.0, 400)
    assert np.diff(years + curve.at(years)).min() >= LEAST_SLOPE * (years[1] - years[0]) - 1e-5
    assert curve.offsets_years[0] == curve.offsets_years[-1] == 0.0


def test_no_person_lies_in_two_folds() -> None:
    """Faces of one person share a fold, and the folds are about equally large."""
    persons = np.random.default_rng(0).integers(0, 40, 500)
    fold = folds_of(persons)
    assert all(len(np.unique(fold[persons == one])) == 1 for one in range(40))
    sizes = np.bincount(fold, minlength=FOLDS)
    assert sizes.max() - sizes.min() <= np.bincount(persons).max()


def test_a_face_is_never_corrected_by_its_own_person() -> None:
    """Left-out estimates of a person do not move with that person's labels."""
    gallery = faces(200, bias_years=6.0, persons=40)
    own = gallery.persons == 7
    told_otherwise = replace(gallery, ages_years=np.where(own, gallery.ages_years + 3.0, gallery.ages_years))
    before, after = fit(gallery, MODEL), fit(told_otherwise, MODEL)
    assert before.calibration.method == after.calibration.method == "curve"
    assert before.left_out_years[own] == pytest.approx(after.left_out_years[own], abs=1e-9)
    assert not np.array_equal(before.left_out_years[~own], after.left_out_years[~own])


def test_one_answer_is_what_many_would_be() -> None:
    """The service's correction of one face is the trainer's of many."""
    gallery, asked = faces(300, clusters=8.0, bias_years=4.0), faces(20, clusters=8.0, bias_years=4.0, seed=5)
    asked = replace(asked, persons=asked.persons + 1_000)
    made = fit(gallery, MODEL).calibration
    assert made.curve is not None
    assert made.uses_neighbours
    many = corrected(made.method, asked, gallery, made.curve)
    for place in range(20):
        cosines = gallery.embeddings @ asked.embeddings[place]
        order = np.argsort(-cosines)
        near = [
            NearFace(
                float(np.sqrt(2.0 - 2.0 * cosines[at])),
                float(gallery.estimates_years[at]),
                float(gallery.ages_years[at]),
            )
            for at in order[:24]
        ]
        one = correct(float(asked.estimates_years[place]), near, made)
        assert one.age_years == pytest.approx(many[place], abs=1e-3)


def test_the_range_takes_the_next_larger_residual() -> None:
    """Of 39 scaled residuals each side takes the 38th of 40 ranks: (n + 1) (1 - alpha / 2)."""
    ages = np.full(39, 50.0)
    made = ages - np.arange(-19.0, 20.0)
    low, high = range_of(made, ages)
    scaled = np.sort((ages - made) / scale(made))
    assert (low, high) == (scaled[1], scaled[37])
    with pytest.raises(ValueError, match="finite"):
        range_of(made[:18], ages[:18])


def test_faces_of_one_person_count_once_in_a_standard_error() -> None:
    """Ten copies of each value are worth no more than one: the standard error is that of the persons."""
    values = np.random.default_rng(0).standard_normal(30)
    alone = standard_error(values, np.arange(30))
    assert alone == pytest.approx(values.std(ddof=1) / np.sqrt(30))
    assert standard_error(np.repeat(values, 10), np.repeat(np.arange(30), 10)) == pytest.approx(alone)


def test_a_large_gallery_is_fitted_by_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more faces than are fitted, the others are corrected too, by faces of other persons."""
    monkeypatch.setattr("simsvc.domain.calibration.fit.MOST_FACES", 150)
    gallery = faces(400, bias_years=6.0, persons=100)
    made = fit(gallery, MODEL)
    assert (made.calibration.faces, made.calibration.candidates[0].score.faces) == (400, 150)
    assert np.isfinite(made.left_out_years).all()
    assert np.abs(made.left_out_years - gallery.ages_years).mean() < 3.5


def test_a_calibration_comes_back_from_json() -> None:
    """Fitted, written and read again it is the same, with and without a correction."""
    for gallery in (faces(bias_years=6.0), faces(120, noise_years=1.0, seed=2), faces(3)):
        made = fit(gallery, MODEL).calibration
        assert parsed(json.loads(json.dumps(document(made)))) == made


def test_the_range_passes_from_the_models_to_the_sites() -> None:
    """Half covered, it lies half-way; without a range of the model's own it is the site's."""
    assert blended((20.0, 30.0), (10.0, 50.0), 0.5) == (15.0, 40.0)
    assert blended((20.0, 30.0), (10.0, 50.0), 1.0) == (20.0, 30.0)
    assert blended((20.0, 30.0), None, 0.1) == (20.0, 30.0)


def test_what_contradicts_itself_is_no_calibration() -> None:
    """A correction needs a curve and a range, and none needs a reason."""
    with pytest.raises(ValueError, match="no calibration"):
        SiteCalibration("none", None, MODEL, 0, 0)
    with pytest.raises(ValueError, match="curve"):
        SiteCalibration("curve", None, MODEL, 40, 40)
    with pytest.raises(ValueError, match="ascend"):
        Curve((1.0, 1.0, 2.0), (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="every face"):
        ReferenceFaces(np.zeros(2), np.zeros(2), np.zeros(1, dtype=np.int64), np.zeros((2, 2), np.float32))
