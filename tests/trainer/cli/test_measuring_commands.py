from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.interval import interval, parse_calibration
from simsvc.ports import Detector
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import faces
from tests.trainer.tiny_training import RECIPE
from trainer.__main__ import main
from trainer.datasets import splits
from trainer.datasets.merge import MergedData
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.datasets.rows import Row
from trainer.evaluation.scoring import Scored

pytestmark = pytest.mark.usefixtures("elsewhere")


def as_scored(rows: Sequence[Row], _model: OnnxModel, _detector: Detector, _threads: int) -> Scored:
    """Stand for scoring 400 faces, because drawing so many would take a minute."""
    random = np.random.default_rng(len(rows))
    labels = random.uniform(0, 80, 400)
    made = tuple(Row(Path("x"), float(age), "s", "r", gender="male", group="black") for age in labels)
    return Scored(made, labels + random.normal(0, 2 + labels / 10), Counter())


def one_of_each(_sources: object) -> MergedData:
    """Return one row of each split: drawn faces are near-duplicates, which all go into one."""
    rows = tuple(Row(Path("x"), 30.0, "folder", name) for name in splits.SPLITS)
    return MergedData(rows, np.array(splits.SPLITS), np.arange(3), DuplicatePairs(*np.zeros((3, 0))), (), ())


def test_calibrate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service reads the calibration out of model.json, all else stays, and the report is written."""
    photos, bundle = faces(tmp_path / "photos", 2), make_tiny_bundle(tmp_path / "bundle")
    before = load_bundle(bundle).raw
    monkeypatch.setattr("trainer.cli.calibrate.merged", one_of_each)
    monkeypatch.setattr("trainer.cli.calibrate.score", as_scored)
    figures = tmp_path / "coverage.json"
    arguments = ["--source", f"folder={photos}", "--bundle", str(bundle), "--json", str(figures)]
    assert main(["calibrate", *arguments, "--threads", "1"]) == 0
    raw = load_bundle(bundle).raw
    calibration = parse_calibration(raw.pop("calibration"), load_bundle(bundle).sha256)
    assert raw == before
    assert (calibration.coverage, calibration.split, calibration.faces) == (0.9, "valid", 400)
    assert calibration.source == "folder"
    low, high = interval(70.0, calibration)
    assert high - low > 2 * (interval(5.0, calibration)[1] - interval(5.0, calibration)[0])
    parts = {part["part"]: part for part in json.loads(figures.read_text())["parts"]}
    assert 0.86 < parts["all"]["coverage"] < 0.96
    assert {"age 0-9", "group black", "gender male"} < parts.keys()
    printed = capsys.readouterr().out
    assert "(age 0-9)" in printed  # fewer than 100 faces
    assert f"{parts['all']['coverage']:.1%}" in printed


def test_calibrate_refuses_too_few_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a handful of faces no interval is made up, and model.json stays as it was."""
    photos, bundle = faces(tmp_path / "photos", 30), make_tiny_bundle(tmp_path / "bundle")
    before = (bundle / "model.json").read_bytes()
    arguments = ["--source", f"folder={photos}", "--bundle", str(bundle), "--threads", "1"]
    assert main(["calibrate", *arguments]) == 2
    assert "too few" in capsys.readouterr().err
    assert (bundle / "model.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["calibrate", "--decade-coverage", "1"], "share from 0"),
        (["calibrate", "--json", "no/where.json"], "no folder no to write"),
        (["framing", "--bundle", "gone"], "no model"),
        (["framing", "--json", "no/where.json"], "no folder no to write"),
        (["neighbours", "--run", "gone", "--json", "no/where.json"], "no folder no to write"),
        (["data", "--source", "folder=.", "--json", "no/where.json"], "no folder no to write"),
        (["neighbours", "--run", "gone"], "no finished run"),
        (["neighbours", "--run", "gone", "--transform", "umap"], "choose one of"),
        (["neighbours", "--run", "gone", "--transform", "pca:999"], "1 to 256"),
    ],
)
def test_refusals(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be measured is said in one sentence, before any work."""
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1


def test_framing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first row is what evaluate says of the same faces, and moved boxes move the estimate."""
    photos, bundle = faces(tmp_path / "photos", 20), make_tiny_bundle(tmp_path / "bundle")
    figures, scores = tmp_path / "framing.json", tmp_path / "scores.json"
    shared = ["--bundle", str(bundle), "--split", "train", "--threads", "1"]
    arguments = ["--source", f"folder={photos}", "--json", str(figures), *shared]
    assert main(["framing", *arguments]) == 0
    written = json.loads(figures.read_text())
    assert "worst cost" in capsys.readouterr().out
    assert (
        main(["evaluate", "--source", "folder", "--path", str(photos), "--json", str(scores), *shared]) == 0
    )
    (everyone, *_) = json.loads(scores.read_text())["tables"]
    assert written["faces"] == everyone["faces"]
    assert written["changes"][0]["mae"] == pytest.approx(everyone["mae"]["value"], abs=1e-3)
    assert all(change["moved"] > 0 for change in written["changes"][1:])
    assert main(["framing", *arguments, "--limit", "3"]) == 0
    assert json.loads(figures.read_text())["faces"] == 3


@pytest.mark.slow
def test_neighbours_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cleaned, balanced, taught run has its row of results, a table of layers, and any of them exported."""
    photos = faces(tmp_path / "photos", 40)
    extras = 'fraction = 0.9\nclean = 60.0\nbalance = "age_group"\ntraits = 0.5\nflip_average = true\n'
    (tmp_path / "mine.toml").write_text(RECIPE.replace("32x3", "32x1") + extras)
    source = ["--source", f"folder={photos}"]
    assert main(["fit", "--recipe", str(tmp_path / "mine.toml"), *source, "--threads", "1"]) == 0
    (row,) = json.loads((tmp_path / "results.json").read_text())
    result = json.loads(Path("work/runs/mine/result.json").read_text())
    assert row["faces"] == result["learnt_from"] <= round(0.9 * result["faces"]["train"])
    assert row["extras"]["balance"] == "age_group"
    assert "traits 0.5" in (tmp_path / "RESULTS.md").read_text()
    torch.set_num_threads(1)
    table = tmp_path / "table.json"
    chosen = ["--transform", "pca:8", "--transform", "ridge", "--json", str(table), "--threads", "1"]
    limits = ["--limit", "25", "8"]
    assert main(["neighbours", "--run", "mine", *source, *chosen, *limits]) == 0
    rows = json.loads(table.read_text())["rows"]
    assert len(rows) == 12
    assert {row["layer"] for row in rows} >= {"body:mean", "head.relu_2", "head.flatten+head.relu_1"}
    assert all(row["age_gap_years"] > 0 and 0 <= row["gender"] <= 1 for row in rows)
    assert "the model's own MAE" in capsys.readouterr().out

    out = tmp_path / "bundle"
    layer = ["--layer", "body:mean+head.relu_1"]
    export = ["export", "--run", "mine", *source, *layer, "--out", str(out)]
    assert main([*export, "--transform", "ridge", "--dims", "64"]) == 0
    bundle = load_bundle(out)
    assert (bundle.dims, bundle.raw["layer"], bundle.raw["flip_average"]) == (24, layer[1], True)
    few = ["--layer", "body:mean", "--transform", "pca:8", "--json", str(table), "--threads", "1", *limits]
    assert main(["neighbours", "--run", "mine", *source, *few, "--bundle", str(out)]) == 0
    document = json.loads(table.read_text())
    assert (document["model"], document["model_sha256"]) == (bundle.version, bundle.sha256)
    assert [(row["layer"], row["transform"], row["dims"]) for row in document["rows"]] == [
        ("body:mean", "pca", 8),
        (layer[1], "as served", 24),
    ]
    other = make_tiny_bundle(tmp_path / "other")
    assert main(["neighbours", "--run", "mine", *source, *few, "--bundle", str(other)]) == 2
    assert "tiny-0 was not exported from the run" in capsys.readouterr().err
    assert main([*export, "--transform", "centred"]) == 2
    assert "at most 256 numbers" in capsys.readouterr().err
    assert load_bundle(out).sha256 == bundle.sha256
