from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import crop
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.errors import LabelsUnreadable, SourceEmpty
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import banded
from trainer.__main__ import main
from trainer.evaluation.bands import BandedPhoto, figures, outside_years, read_bands
from trainer.evaluation.judging import Judged

pytestmark = pytest.mark.usefixtures("elsewhere")

REAL = Path(__file__).parents[3] / "../shared/data/fairface"


def photo(band: str, low: float, high: float, gender: str = "male") -> BandedPhoto:
    return BandedPhoto(Path("x"), band, low, high, gender)


def judged(estimates_years: list[float]) -> Judged:
    outcomes = tuple("no_face" if math.isnan(age) else "estimated" for age in estimates_years)
    count = len(estimates_years)
    doubts, embeddings = np.full(count, np.nan), np.zeros((count, 2), dtype=np.float32)
    return Judged(outcomes, (None,) * count, np.array(estimates_years), doubts, embeddings)


def test_the_distance_outside_a_band() -> None:
    """Inside it is nothing; outside it runs to the nearer end; an open band has no upper end."""
    photos = [photo("30-39", 30, 39)] * 4 + [photo("70+", 70, math.inf)] * 2
    estimates = np.array([30.0, 39.0, 27.5, 45.0, 99.0, 61.0])
    assert outside_years(estimates, photos).tolist() == [0, 0, 2.5, 6, 0, 9]
    assert np.isnan(outside_years(np.array([np.nan]), photos[:1])).all()


def test_figures_by_band_and_gender() -> None:
    """Refused photos are counted and otherwise left out; bands come in order of age."""
    photos = [photo("10-19", 10, 19), photo("3-9", 3, 9), photo("3-9", 3, 9, "female"), photo("3-9", 3, 9)]
    document = figures(judged([15.0, 13.0, 21.0, math.nan]), photos)
    parts = {part["part"]: part for part in document["parts"]}
    assert list(parts) == ["all", "age 3-9", "age 10-19", "gender female", "gender male"]
    assert parts["all"]["outcomes"] == {"estimated": 3, "no_face": 1}
    assert parts["all"]["within"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert parts["all"]["within_or_close"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert parts["all"]["median_outside_years"]["value"] == 8.0
    assert parts["age 10-19"]["median_outside_years"] is None
    assert parts["gender male"]["photos"] == 3


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("file,age\na.png,3\n", "no column age_band, gender"),
        ("file,age_band,gender\na.png,thirty,male\n", "no band such as"),
        ("file,age_band,gender\na.png,39-30,male\n", "no band such as"),
        ("file,age_band,gender\n../a.png,30-39,male\n", "line 2"),
        ("file,age_band,gender\na.png\n", "line 2"),
    ],
)
def test_a_table_that_cannot_be_read(table: str, sentence: str, tmp_path: Path) -> None:
    """What is wrong is said with its line, and no photo outside the folder is opened."""
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(LabelsUnreadable, match=sentence):
        read_bands(tmp_path)


def test_a_folder_without_photos(tmp_path: Path) -> None:
    """No folder, no table, or none of its photos: each says what to do."""
    for folder in (tmp_path / "gone", tmp_path):
        with pytest.raises(SourceEmpty, match="--path"):
            read_bands(folder)
    (tmp_path / "labels.csv").write_text("file,age_band,gender\na.png,30-39,male\n")
    with pytest.raises(SourceEmpty, match="None of the photos"):
        read_bands(tmp_path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written is what the service's own steps give for the same photos."""
    folder = banded(tmp_path / "photos", ["30-39,Male", "40-49,Female", "3-9,Male", "70+,Female"])
    bundle, figures_path = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "bands.json"
    arguments = ["bands", "--path", str(folder), "--bundle", str(bundle), "--threads", "1"]
    assert main([*arguments, "--json", str(figures_path)]) == 0
    detector, model = OnnxDetector(), OnnxModel(load_bundle(bundle))
    inside = []
    for name, low, high in (("00.png", 30, 39), ("01.png", 40, 49), ("02.png", 3, 9)):
        taken = decode((folder / name).read_bytes())
        face = pick(detector.detect(taken)).face
        (age,) = model.predict([crop(taken.rgb, face, model.input_px, model.crop_margin)]).ages_years
        inside.append(low <= age <= high)
    document = json.loads(figures_path.read_text())
    (everyone, *_) = document["parts"]
    assert (document["model"], document["source"]) == ("tiny-0", "photos")
    assert everyone["outcomes"] == {"estimated": 3, "no_face": 1}
    assert everyone["within"]["value"] == pytest.approx(np.mean(inside), abs=1e-4)
    assert "age 70+" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--path", "gone"], "no labels.csv in gone"),
        (["--json", "no/where.json"], "no folder no to write"),
    ],
)
def test_refusals(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing folder stops the command with one sentence."""
    assert main(["bands", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.data
def test_fairface_is_read() -> None:
    """Every row of the real table is a photo with a band."""
    if not REAL.is_dir():
        pytest.skip("../shared/data/fairface is not on this machine")
    photos = read_bands(REAL)
    assert len(photos) == 270
    assert {found.band for found in photos} >= {"0-2", "20-29", "70+"}
