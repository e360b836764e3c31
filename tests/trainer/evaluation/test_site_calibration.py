from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from simsvc.domain.calibration.fit import ReferenceFaces
from tests.small_site import draw_gallery
from tests.tiny_bundle import make_tiny_bundle
from trainer.__main__ import main
from trainer.evaluation.site_calibration import draw, half, some, summary

MODEL = "ab" * 32


def faces(bias_years: float) -> ReferenceFaces:
    """Return 300 faces of 100 people whose estimates are off by a bias and noise."""
    random = np.random.default_rng(0)
    ages = random.uniform(5.0, 80.0, 300)
    rows = random.standard_normal((300, 8))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    estimates = np.maximum(0.0, ages + bias_years + 2.0 * random.standard_normal(300))
    return ReferenceFaces(ages, estimates, np.arange(300) // 3, vectors)


def own_ranges(given: ReferenceFaces) -> np.ndarray:
    """Return a range of five years each way."""
    return given.estimates_years[:, None] + np.array([-5.0, 5.0])


def test_no_person_calibrates_and_is_judged() -> None:
    """Half of the persons calibrate with all their faces; of single faces drawn, their persons stay out."""
    given = faces(6.0)
    fitted = half(given.persons, 0)
    assert np.count_nonzero(fitted) == 150
    assert not set(given.persons[fitted]) & set(given.persons[~fitted])
    drawn = draw(given, some(300, 60, 0), own_ranges(given), MODEL)
    assert drawn.fitted == 60
    assert drawn.judged <= 240 - 60


def test_a_biased_model_gains_and_a_right_one_loses_nothing() -> None:
    """Error, bias and the share inside the range mend where the model reads 6 years too old."""
    given = faces(6.0)
    biased = draw(given, half(given.persons, 1), own_ranges(given), MODEL)
    assert "curve" in biased.method
    assert biased.gain_years > 3.0
    assert abs(biased.with_it.bias_years) < 1.0 < biased.without.bias_years
    assert (biased.without.held or 0.0) < 0.5
    assert (biased.with_it.held or 0.0) > 0.8
    figures = summary([biased, draw(faces(0.0), half(faces(0.0).persons, 1), None, MODEL)])
    assert figures["draws"] == 2
    assert figures["least_gain_years"] < 1.0


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It scores a folder, halves it by person, and prints a line for the source."""
    gallery = draw_gallery(tmp_path / "faces", 12)
    bundle, figures = make_tiny_bundle(tmp_path / "model"), tmp_path / "figures.json"
    given = ["site-calibration", "--source", f"folder:drawn={gallery}", "--bundle", str(bundle)]
    assert main([*given, "--draws", "2", "--threads", "1", "--json", str(figures)]) == 0
    assert "folder:drawn" in capsys.readouterr().out
    row = json.loads(figures.read_text())["rows"][0]
    assert (row["source"], row["draws"], row["methods"]) == ("folder:drawn", 2, {"none": 2})
    assert main([*given, "--faces", "12"]) == 2
    assert "leaves none" in capsys.readouterr().err
