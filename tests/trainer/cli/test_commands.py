from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import crop
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.errors import SettingsError, SourceEmpty
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import faces
from tests.trainer.tiny_training import RECIPE
from trainer.__main__ import COMMANDS, main
from trainer.datasets.corpus import DEFAULT_SOURCES, open_corpus, parse_sources
from trainer.training import plots

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed and the written figures are those of the service's own steps, with refusals counted."""
    photos = faces(tmp_path / "photos", 8, 26)
    plain = np.full((90, 90, 3), 128, dtype=np.uint8)
    plain[::2] = 120
    Image.fromarray(plain).save(photos / "plain.png")
    with (photos / "labels.csv").open("a") as table:
        table.write("plain.png,30,,\n")
    bundle = make_tiny_bundle(tmp_path / "bundle")
    figures = tmp_path / "figures.json"
    arguments = ["--source", "folder", "--path", str(photos), "--bundle", str(bundle), "--json", str(figures)]
    assert main(["evaluate", *arguments, "--threads", "1"]) == 0

    detector, model = OnnxDetector(), OnnxModel(load_bundle(bundle))
    errors = []
    for number in range(8):
        photo = decode((photos / f"{number:02}.png").read_bytes())
        face = pick_labelled(detector.detect(photo), photo.width_px, photo.height_px)
        assert face is not None
        (age,) = model.predict([crop(photo.rgb, face, 32)]).ages_years
        errors.append(float(age) - (26 + number))
    written = json.loads(figures.read_text())
    by_part = {table["part"]: table for table in written["tables"]}
    assert written["model"] == "tiny-0"
    assert written["split"] == "all"
    assert written["outcomes"]["no_face"] == 1
    assert sum(written["outcomes"].values()) == by_part["all"]["faces"] == 9
    assert by_part["group white"]["faces"] == 8
    assert by_part["group white"]["mae"]["value"] == pytest.approx(np.abs(errors).mean(), abs=1e-3)
    assert by_part["gender male"]["bias"]["value"] == pytest.approx(np.mean(errors[::2]), abs=1e-3)
    assert by_part["age 20-29"]["bias"]["value"] == pytest.approx(np.mean(errors[:4]), abs=1e-3)
    assert written["model_sha256"] == load_bundle(bundle).sha256
    assert "coverage" not in by_part["all"]  # the tiny model is not calibrated
    assert written["fairness"]["groups"]["parts_left_out"] == ["group white"]
    printed = capsys.readouterr().out
    assert "groups: no two parts of 100 faces" in printed
    assert f"{by_part['all']['mae']['value']:.2f} [" in printed
    assert "'no_face': 1" in printed
    assert "tiny-0 on folder, all part, 9 faces" in printed


def test_evaluate_beside_an_earlier_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An earlier bundle and what was written of it are printed beside the new; the oldest are one part."""
    photos, bundle = faces(tmp_path / "photos", 12, 75), make_tiny_bundle(tmp_path / "bundle")
    earlier, figures = make_tiny_bundle(tmp_path / "earlier", seed=1), tmp_path / "before.json"
    shared = ["evaluate", "--source", "folder", "--path", str(photos), "--threads", "1"]
    assert main([*shared, "--bundle", str(earlier), "--json", str(figures)]) == 0
    (old, *_) = json.loads(figures.read_text())["tables"]
    texts = []
    for before in (earlier, figures):
        capsys.readouterr()
        assert main([*shared, "--bundle", str(bundle), "--before", str(before)]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert "before (tiny-1) and after (tiny-0)" in texts[0]
    assert f"{old['mae']['value']:.2f} -> " in texts[0]
    tables = {table["part"]: table for table in json.loads(figures.read_text())["tables"]}
    assert tables["age 80+"]["faces"] == tables["age 80-89"]["faces"] == 7
    assert main([*shared, "--bundle", str(bundle), "--before", "gone.json"]) == 2
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

    monkeypatch.setattr("trainer.cli.evaluate.run", stop)
    assert main(["evaluate"]) == 130
    assert "go on" in capsys.readouterr().err


@pytest.mark.slow
def test_fit_export_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a folder of faces to a bundle that the service loads and evaluate scores, by three commands."""
    photos = faces(tmp_path / "photos", 40)
    (tmp_path / "mine.toml").write_text(RECIPE.replace("32x3", "32x1"))
    source = ["--source", f"folder={photos}"]
    assert main(["fit", "--recipe", str(tmp_path / "mine.toml"), *source, "--threads", "1"]) == 0
    run = Path("work/runs/mine")
    result = json.loads((run / "result.json").read_text())
    assert sum(result["faces"].values()) == 40
    assert result["recipe"]["schedule"] == "32x1"
    assert result["valid_mae"] == json.loads((run / "history.json").read_text())[0]["valid_mae"]
    assert result["machine"].endswith("1 threads")

    out = tmp_path / "bundle"
    assert main(["export", "--run", "mine", *source, "--dims", "6", "--out", str(out)]) == 0
    bundle = load_bundle(out)
    assert (bundle.name, bundle.dims, bundle.size_px) == ("mine", 6, 32)
    assert bundle.raw["training"]["faces"] == result["faces"]
    (everything, *_) = bundle.raw["metrics"]["tables"]
    assert everything["faces"] == result["faces"]["valid"]
    assert everything["mae"]["value"] == pytest.approx(
        result["valid_mae"], abs=0.5
    )  # bf16 there, float32 here

    arguments = ["--source", "folder", "--path", str(photos), "--bundle", str(out), "--threads", "1"]
    assert main(["evaluate", *arguments, "--split", "valid", "--json", str(tmp_path / "f.json")]) == 0
    (scored, *_) = json.loads((tmp_path / "f.json").read_text())["tables"]
    assert scored["mae"]["value"] == pytest.approx(everything["mae"]["value"], abs=0.2)
    assert "MAE" in capsys.readouterr().out


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
