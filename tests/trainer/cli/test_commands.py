from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from PIL import Image

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import crop
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.errors import SettingsError, SourceEmpty
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import faces, succeeded
from tests.trainer.tiny_training import RECIPE
from trainer.__main__ import COMMANDS, main
from trainer.datasets.corpus import DEFAULT_SOURCES, open_corpus, parse_sources
from trainer.training.recipes import plots

pytestmark = pytest.mark.usefixtures("elsewhere")


class Evaluated(NamedTuple):
    """What `evaluate` wrote and printed, and the errors of the same faces by the service's own steps."""

    bundle: Path
    written: dict[str, Any]
    printed: str
    errors: list[float]

    @property
    def parts(self) -> dict[str, Any]:
        return {table["part"]: table for table in self.written["tables"]}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Score eight drawn faces of 26 to 33 years and a photo without a face."""
    folder = tmp_path_factory.mktemp("evaluated")
    photos, bundle = faces(folder / "photos", 8, 26), make_tiny_bundle(folder / "bundle")
    plain = np.full((90, 90, 3), 128, dtype=np.uint8)
    plain[::2] = 120
    Image.fromarray(plain).save(photos / "plain.png")
    with (photos / "labels.csv").open("a") as table:
        table.write("plain.png,30,,\n")
    arguments = [
        "--source",
        "folder",
        "--path",
        photos,
        "--bundle",
        bundle,
        "--json",
        folder / "figures.json",
    ]
    printed = succeeded(folder, "evaluate", *arguments)
    detector, model, errors = OnnxDetector(), OnnxModel(load_bundle(bundle)), []
    for number in range(8):
        photo = decode((photos / f"{number:02}.png").read_bytes())
        face = pick_labelled(detector.detect(photo), photo.width_px, photo.height_px)
        assert face is not None
        (age,) = model.predict([crop(photo.rgb, face, 32)]).ages_years
        errors.append(float(age) - (26 + number))
    return Evaluated(bundle, json.loads((folder / "figures.json").read_text()), printed, errors)


def test_evaluate_names_what_was_scored(evaluated: Evaluated) -> None:
    """The written figures name the model by its sha256, and the part of the data."""
    assert (evaluated.written["model"], evaluated.written["split"]) == ("tiny-0", "all")
    assert evaluated.written["model_sha256"] == load_bundle(evaluated.bundle).sha256


def test_evaluate_counts_refusals(evaluated: Evaluated) -> None:
    """A photo without a face is counted, and belongs to no group's errors."""
    outcomes, parts = evaluated.written["outcomes"], evaluated.parts
    assert outcomes["no_face"] == 1
    assert sum(outcomes.values()) == parts["all"]["faces"] == 9
    assert parts["group white"]["faces"] == 8


@pytest.mark.parametrize(
    ("part", "figure", "expected"),
    [
        ("group white", "mae", lambda errors: np.abs(errors).mean()),
        ("gender male", "bias", lambda errors: np.mean(errors[::2])),
        ("age 20-29", "bias", lambda errors: np.mean(errors[:4])),
    ],
)
def test_evaluate_scores_as_the_service_judges(
    evaluated: Evaluated, part: str, figure: str, expected: Callable[[list[float]], float]
) -> None:
    """The figures are those of the service's own steps."""
    assert evaluated.parts[part][figure]["value"] == pytest.approx(expected(evaluated.errors), abs=1e-3)


def test_evaluate_leaves_out_what_cannot_be_said(evaluated: Evaluated) -> None:
    """Without a calibration there is no coverage; groups of few faces are not compared."""
    assert "coverage" not in evaluated.parts["all"]
    assert evaluated.written["fairness"]["groups"]["parts_left_out"] == ["group white"]
    assert "groups: no two parts of 100 faces" in evaluated.printed


def test_evaluate_prints_the_figures(evaluated: Evaluated) -> None:
    """What is printed has the error, the refusals, and what was scored."""
    assert f"{evaluated.parts['all']['mae']['value']:.2f} [" in evaluated.printed
    assert "'no_face': 1" in evaluated.printed
    assert "tiny-0 on folder, all part, 9 faces" in evaluated.printed


class Compared(NamedTuple):
    """What `evaluate` printed of a model beside an earlier bundle, and beside what was written of it."""

    arguments: list[str]
    earlier: dict[str, Any]
    beside_bundle: str
    beside_figures: str


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder = tmp_path_factory.mktemp("compared")
    photos, bundle = faces(folder / "photos", 12, 75), make_tiny_bundle(folder / "bundle")
    earlier, figures = make_tiny_bundle(folder / "earlier", seed=1), folder / "before.json"
    shared = ["evaluate", "--source", "folder", "--path", str(photos), "--threads", "1"]
    succeeded(folder, *shared, "--bundle", earlier, "--json", figures)
    arguments = [*shared, "--bundle", str(bundle), "--before"]
    printed = [succeeded(folder, *arguments, before) for before in (earlier, figures)]
    tables = {table["part"]: table for table in json.loads(figures.read_text())["tables"]}
    return Compared(arguments, tables, *printed)


def test_evaluate_beside_an_earlier_model(compared: Compared) -> None:
    """An earlier bundle's figures are printed beside the new ones."""
    assert "before (tiny-1) and after (tiny-0)" in compared.beside_bundle
    assert f"{compared.earlier['all']['mae']['value']:.2f} -> " in compared.beside_bundle


def test_evaluate_beside_written_figures(compared: Compared) -> None:
    """What was written of an earlier bundle serves as well as the bundle."""
    assert compared.beside_figures == compared.beside_bundle


def test_the_oldest_are_one_part_too(compared: Compared) -> None:
    """All from 80 years on are a part, beside their decades."""
    assert compared.earlier["age 80+"]["faces"] == compared.earlier["age 80-89"]["faces"] == 7


def test_evaluate_beside_nothing_is_refused(compared: Compared, capsys: pytest.CaptureFixture[str]) -> None:
    """An earlier model that is not there is named."""
    assert main([*compared.arguments, "gone.json"]) == 2
    assert "no bundle and no file gone.json" in capsys.readouterr().err


def test_evaluate_a_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A named split scores that split's faces alone; the three add up to all."""
    photos, bundle = faces(tmp_path / "photos", 20), make_tiny_bundle(tmp_path / "bundle")
    counts = []
    for split in ("train", "valid", "test", "all"):
        arguments = ["--source", "folder", "--path", str(photos), "--bundle", str(bundle), "--split", split]
        code = main(["evaluate", *arguments, "--threads", "1"])
        out, err = capsys.readouterr()
        counts.append(int(out.split(" part, ")[1].split()[0]) if code == 0 else 0)
        assert code == 0 or f"The {split} part of folder is empty" in err
    assert counts[0] + counts[1] + counts[2] == counts[3] == 20
    assert counts[0] > counts[1] + counts[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evaluate", "--source", "folder", "--path", "gone"], "no folder gone for the source folder"),
        (["evaluate", "--source", "folder"], "give --path"),
        (
            ["evaluate", "--source", "folder", "--path", ".", "--json", "no/where.json"],
            "no folder no to write",
        ),
        (["evaluate", "--source", "folder", "--path", "."], "labels.csv"),
        (["fit", "--recipe", "gone"], "no recipe 'gone'"),
        (["fit", "--recipe", "origin", "--source", "folder"], "not of the form NAME=PATH"),
        (["fit", "--recipe", "origin", "--source", "folder=gone"], "no folder gone for the source folder"),
        (["export", "--run", "gone"], "holds no finished run"),
        (["export", "--run", "."], "holds no finished run"),
        (["demo-gallery", "--source", "folder=gone"], "no folder gone for the source folder"),
    ],
)
def test_refusals(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done is said in one sentence on standard error, with exit code 2."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"trainer {arguments[0]}: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that the help names is there and describes itself."""
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"trainer {command}" in capsys.readouterr().out
    assert callable(importlib.import_module(COMMANDS[command][0]).run)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["fit"], ["evaluate", "--split", "half"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """No command, one that is not known, or one without what it needs shows usage, with exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m trainer" in capsys.readouterr().err


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends a command with a sentence and exit code 130."""

    def stop(_args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.cli.measuring.evaluate.run", stop)
    assert main(["evaluate"]) == 130
    assert "run the command again" in capsys.readouterr().err


class Trained(NamedTuple):
    """A run, the bundle that was exported from it, and what `evaluate` says of it."""

    run: Path
    result: dict[str, Any]
    bundle: Bundle
    scored: dict[str, Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Go from a folder of faces to a bundle that is evaluated, by three commands."""
    folder = tmp_path_factory.mktemp("trained")
    photos, out = faces(folder / "photos", 40), folder / "bundle"
    (folder / "mine.toml").write_text(RECIPE.replace("32x3", "32x1"))
    source = ["--source", f"folder={photos}"]
    succeeded(folder, "fit", "--recipe", folder / "mine.toml", *source, "--threads", "1")
    succeeded(folder, "export", "--run", "mine", *source, "--dims", "6", "--out", out)
    arguments = ["--source", "folder", "--path", photos, "--bundle", out, "--threads", "1"]
    succeeded(folder, "evaluate", *arguments, "--split", "valid", "--json", folder / "f.json")
    run, (scored, *_) = folder / "work/runs/mine", json.loads((folder / "f.json").read_text())["tables"]
    return Trained(run, json.loads((run / "result.json").read_text()), load_bundle(out), scored)


@pytest.mark.slow
def test_fit_says_what_it_did(trained: Trained) -> None:
    """A run's result has its faces, recipe, best error and machine."""
    result = trained.result
    assert sum(result["faces"].values()) == 40
    assert result["recipe"]["schedule"] == "32x1"
    assert result["valid_mae"] == json.loads((trained.run / "history.json").read_text())[0]["valid_mae"]
    assert result["machine"].endswith("1 threads")


@pytest.mark.slow
def test_export_writes_what_the_service_loads(trained: Trained) -> None:
    """The bundle has the run's name and faces, and its error on the validation part."""
    bundle, result = trained.bundle, trained.result
    assert (bundle.name, bundle.dims, bundle.size_px) == ("mine", 6, 32)
    assert bundle.raw["training"]["faces"] == result["faces"]
    (everything, *_) = bundle.raw["metrics"]["tables"]
    assert everything["faces"] == result["faces"]["valid"]
    assert everything["mae"]["value"] == pytest.approx(
        result["valid_mae"], abs=0.5
    )  # bf16 there, float32 here


@pytest.mark.slow
def test_export_stores_weights_in_half_precision(trained: Trained) -> None:
    """All but small weights and those of the embedding take two bytes a number."""
    initializers = onnx.load(trained.bundle.graph_path).graph.initializer
    in_half = [tensor for tensor in initializers if tensor.data_type == onnx.TensorProto.FLOAT16]
    assert sum(len(tensor.raw_data) for tensor in in_half) > 0.9 * trained.bundle.graph_path.stat().st_size


@pytest.mark.slow
def test_evaluate_confirms_the_exported_figures(trained: Trained) -> None:
    """The exported bundle scores as its own metrics say."""
    (everything, *_) = trained.bundle.raw["metrics"]["tables"]
    assert trained.scored["mae"]["value"] == pytest.approx(everything["mae"]["value"], abs=0.2)


def test_corpus(tmp_path: Path) -> None:
    """Rows, labels, splits and packed crops belong together, and rows that cannot be read are in no split."""
    photos = faces(tmp_path / "photos", 20)
    corpus = open_corpus({"folder": photos})
    assert corpus.ages_years.dtype == np.float32
    assert corpus.ages_years.tolist() == [row.age_years for row in corpus.data.rows]
    together = np.concatenate([corpus.positions(split) for split in ("train", "valid", "test")])
    assert sorted(together.tolist()) == list(range(20))
    assert corpus.pack.crops.shape[0] == 20
    assert (corpus.data.split[corpus.positions("train")] == "train").all()


def test_parse_sources(tmp_path: Path) -> None:
    """NAME=PATH is cut at the first equals sign; several are taken; folders must be there."""
    for name in ("a=b", "c"):
        (tmp_path / name).mkdir()
    given = [f"folder:x={tmp_path / 'a=b'}", f"utkface={tmp_path / 'c'}"]
    assert parse_sources(given) == {"folder:x": tmp_path / "a=b", "utkface": tmp_path / "c"}
    for wrong in ("x", "=x", "x="):
        with pytest.raises(SettingsError, match="NAME=PATH"):
            parse_sources([wrong])
    if not next(iter(DEFAULT_SOURCES.values())).is_dir():
        with pytest.raises(SourceEmpty, match="--source"):
            parse_sources(None)


def test_training_plot(tmp_path: Path) -> None:
    """The plot is a picture with drawn curves, and is written anew when an epoch is added."""
    epoch = {"train_loss": 3.0, "valid_loss": 4.0, "valid_mae": 9.0, "valid_rmse": 11.0}
    plots.training([{"epoch": 0, **epoch}], tmp_path / "loss.png")
    first = (tmp_path / "loss.png").read_bytes()
    halved = {key: value / 2 for key, value in epoch.items()}
    plots.training([{"epoch": 0, **epoch}, {"epoch": 1, **halved}], tmp_path / "loss.png")
    assert first.startswith(b"\x89PNG")
    assert (tmp_path / "loss.png").read_bytes() != first
