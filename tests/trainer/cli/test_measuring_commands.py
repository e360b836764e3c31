from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.domain.estimate.doubt import MEASURES, Doubt
from simsvc.domain.estimate.interval import Calibration, interval, parse_calibration
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import faces, succeeded
from tests.trainer.tiny_training import RECIPE
from trainer.__main__ import main
from trainer.cli.making.calibrate import Faces
from trainer.datasets import splits
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.evaluation.measures import conformal
from trainer.evaluation.scoring import Scored

pytestmark = pytest.mark.usefixtures("elsewhere")


def as_scored(rows: Sequence[Row], _bundle: Bundle, _threads: int) -> Scored:
    """Stand for scoring 400 faces, because drawing so many would take a minute."""
    random = np.random.default_rng(len(rows))
    labels = random.uniform(0, 80, 400)
    made = tuple(Row(Path("x"), float(age), "s", "r", gender="male", group="black") for age in labels)
    return Scored(made, labels + random.normal(0, 2 + labels / 10), np.full(400, np.nan), Counter())


def one_of_each(_sources: object) -> MergedData:
    """Return one row of each split: drawn faces are near-duplicates, which all go into one."""
    rows = tuple(Row(Path("x"), 30.0, "folder", name) for name in splits.SPLITS)
    return MergedData(rows, np.array(splits.SPLITS), np.arange(3), DuplicatePairs(*np.zeros((3, 0))), (), ())


class Calibrated(NamedTuple):
    """A bundle before and after `calibrate`, the written coverage by part, and what was printed."""

    before: dict[str, Any]
    after: dict[str, Any]
    calibration: Calibration
    parts: dict[str, Any]
    printed: str


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calibrated:
    photos, bundle = faces(tmp_path / "photos", 2), make_tiny_bundle(tmp_path / "bundle")
    before = load_bundle(bundle).raw
    monkeypatch.setattr("trainer.cli.making.calibrate.merged", one_of_each)
    monkeypatch.setattr("trainer.cli.making.calibrate.score", as_scored)
    arguments = ["--source", f"folder={photos}", "--bundle", bundle, "--json", "coverage.json"]
    printed = succeeded(tmp_path, "calibrate", *arguments, "--threads", "1")
    after, document = load_bundle(bundle), json.loads((tmp_path / "coverage.json").read_text())
    calibration = parse_calibration(after.raw["calibration"], after.sha256)
    parts = {part["part"]: part for part in document["parts"]}
    return Calibrated(before, dict(after.raw), calibration, parts, printed)


def test_calibrate_adds_to_model_json_alone(calibrated: Calibrated) -> None:
    """All but the calibration stays as it was."""
    assert {
        key: value for key, value in calibrated.after.items() if key != "calibration"
    } == calibrated.before


def test_calibrate_says_what_it_is_of(calibrated: Calibrated) -> None:
    """The service reads coverage, split, number of faces and source."""
    found = calibrated.calibration
    assert (found.coverage, found.split, found.faces, found.source) == (0.9, "valid", 400, "folder")


def test_ranges_are_wide_where_errors_are_large(calibrated: Calibrated) -> None:
    """At 70 years, where errors were made larger, the range is more than twice that of five years."""
    young, old = (interval(age, calibrated.calibration) for age in (5.0, 70.0))
    assert old[1] - old[0] > 2 * (young[1] - young[0])


def test_calibrate_reports_the_coverage_it_reached(calibrated: Calibrated) -> None:
    """The test faces fall into their ranges as often as stated, by part; parts of few faces are marked."""
    assert 0.86 < calibrated.parts["all"]["coverage"] < 0.96
    assert {"age 0-9", "group black", "gender male"} < calibrated.parts.keys()
    assert "(age 0-9)" in calibrated.printed
    assert f"{calibrated.parts['all']['coverage']:.1%}" in calibrated.printed


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


Framing = tuple[Path, list[str], dict[str, Any]]


@pytest.fixture(scope="module")
def framing(tmp_path_factory: pytest.TempPathFactory) -> Framing:
    """Return a folder with photos and bundle, the command's arguments, and what it wrote."""
    folder = tmp_path_factory.mktemp("framing")
    photos, bundle = faces(folder / "photos", 20), make_tiny_bundle(folder / "bundle")
    shared = ["--bundle", str(bundle), "--split", "train", "--threads", "1"]
    arguments = ["framing", "--source", f"folder={photos}", "--json", "framing.json", *shared]
    assert "worst cost" in succeeded(folder, *arguments)
    return folder, arguments, json.loads((folder / "framing.json").read_text())


def test_framing_begins_with_what_evaluate_says(framing: Framing) -> None:
    """The first row is the error of the same faces unmoved."""
    folder, arguments, written = framing
    source = ["--source", "folder", "--path", folder / "photos", "--json", "scores.json"]
    succeeded(folder, "evaluate", *source, *arguments[-6:])
    (everyone, *_) = json.loads((folder / "scores.json").read_text())["tables"]
    assert written["faces"] == everyone["faces"]
    assert written["changes"][0]["mae"] == pytest.approx(everyone["mae"]["value"], abs=1e-3)


def test_moved_boxes_move_the_estimate(framing: Framing) -> None:
    """Every other row has another estimate."""
    assert all(change["moved"] > 0 for change in framing[2]["changes"][1:])


def test_framing_of_few_faces(framing: Framing) -> None:
    """--limit takes so many faces."""
    folder, arguments, _ = framing
    succeeded(folder, *arguments, "--limit", "3")
    assert json.loads((folder / "framing.json").read_text())["faces"] == 3


class Trained(NamedTuple):
    """A cleaned, balanced, taught run, a bundle of two of its layers, and what commands say of it."""

    folder: Path
    few: list[str]
    export: list[str]
    bundle: Path
    table: dict[str, Any]
    printed: str


LAYER = "body:mean+head.relu_1"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    photos, out, table = faces(folder / "photos", 40), folder / "bundle", folder / "table.json"
    extras = 'fraction = 0.9\nclean = 60.0\nbalance = "age_group"\ntraits = 0.5\nflip_average = true\n'
    (folder / "mine.toml").write_text(RECIPE.replace("32x3", "32x1") + extras)
    source = ["--source", f"folder={photos}"]
    succeeded(folder, "fit", "--recipe", folder / "mine.toml", *source, "--threads", "1")
    neighbours = ["neighbours", "--run", "mine", *source, "--json", str(table), "--threads", "1"]
    neighbours += ["--limit", "25", "8"]
    printed = succeeded(folder, *neighbours, "--transform", "pca:8", "--transform", "ridge")
    export = ["export", "--run", "mine", *source, "--layer", LAYER, "--out", str(out)]
    succeeded(folder, *export, "--transform", "ridge", "--dims", "64")
    few = [*neighbours, "--layer", "body:mean", "--transform", "pca:8"]
    return Trained(folder, few, export, out, json.loads(table.read_text()), printed)


@pytest.mark.slow
def test_a_run_has_its_row_of_results(trained: Trained) -> None:
    """The row says how many faces were learnt from, and what else the recipe chose."""
    (row,) = json.loads((trained.folder / "results.json").read_text())
    result = json.loads((trained.folder / "work/runs/mine/result.json").read_text())
    assert row["faces"] == result["learnt_from"] <= round(0.9 * result["faces"]["train"])
    assert row["extras"]["balance"] == "age_group"
    assert "traits 0.5" in (trained.folder / "RESULTS.md").read_text()


@pytest.mark.slow
def test_neighbours_compares_every_layer(trained: Trained) -> None:
    """Each layer and transform has a row with the age gap of its neighbours and how often genders agree."""
    rows = trained.table["rows"]
    assert len(rows) == 12
    assert {row["layer"] for row in rows} >= {"body:mean", "head.relu_2", "head.flatten+head.relu_1"}
    assert all(row["age_gap_years"] > 0 and 0 <= row["gender"] <= 1 for row in rows)
    assert "the model's own MAE" in trained.printed


@pytest.mark.slow
def test_any_layers_are_exported(trained: Trained) -> None:
    """The bundle names its layers, and has as many dimensions as they allow."""
    bundle = load_bundle(trained.bundle)
    assert (bundle.dims, bundle.raw["layer"], bundle.raw["flip_average"]) == (24, LAYER, True)


@pytest.mark.slow
def test_neighbours_measures_the_exported_layers_too(trained: Trained) -> None:
    """With a bundle there is a row of what it serves, and the table names it."""
    bundle = load_bundle(trained.bundle)
    succeeded(trained.folder, *trained.few, "--bundle", trained.bundle)
    document = json.loads((trained.folder / "table.json").read_text())
    assert (document["model"], document["model_sha256"]) == (bundle.version, bundle.sha256)
    assert [(row["layer"], row["transform"], row["dims"]) for row in document["rows"]] == [
        ("body:mean", "pca", 8),
        (LAYER, "as served", 24),
    ]


@pytest.mark.slow
def test_neighbours_refuses_the_bundle_of_another_run(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle that was not exported from the run is named."""
    monkeypatch.chdir(trained.folder)
    assert main([*trained.few, "--bundle", str(make_tiny_bundle(tmp_path / "other"))]) == 2
    assert "tiny-0 was not exported from the run" in capsys.readouterr().err


@pytest.mark.slow
def test_export_refuses_too_many_numbers(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is too long for an index is refused, and the bundle stays as it was."""
    before = load_bundle(trained.bundle).sha256
    monkeypatch.chdir(trained.folder)
    assert main([*trained.export, "--transform", "centred"]) == 2
    assert "at most 256 numbers" in capsys.readouterr().err
    assert load_bundle(trained.bundle).sha256 == before


def _left_out() -> dict[str, Any]:
    """Return 120 faces of a source left out, and what a doubt score is made of, as `left-out` writes them."""
    random = np.random.default_rng(1)
    ages = random.uniform(10, 70, 120)
    measures = {name: random.uniform(0, 1, 120).tolist() for name in MEASURES}
    estimates = ages + random.normal(0, 4, 120)
    return {"source": "far", "ages_years": ages.tolist(), "estimates_years": estimates.tolist()} | {
        "measures": measures
    }


def test_left_out_faces_bring_what_doubt_is_made_of() -> None:
    """Ranges then grow with the doubt score of each face, which is computed as the service does."""
    part, names = _left_out(), list(MEASURES)[:2]
    doubt = Doubt(dict(zip(names, (0.5, 0.25), strict=True)), 0.1, 2.0, "ab" * 32)
    scored = replace(as_scored((), cast("Bundle", None), 1), doubts=np.full(400, 1.0))
    faces = Faces.of(scored, [part], doubt)
    first, second = (np.array(part["measures"][name]) for name in names)
    assert faces.doubts[400:] == pytest.approx(0.1 + 0.5 * first + 0.25 * second)
    assert faces.calibration().doubt_power == conformal.DOUBT_POWER


def test_without_a_doubt_score_ranges_are_bands_of_the_estimate() -> None:
    """A bundle that does not predict its errors is calibrated as before."""
    found = Faces.of(as_scored((), cast("Bundle", None), 1), [_left_out()], None).calibration()
    assert found.doubt_power == 0
    assert found.method == conformal.OVER_SOURCES
