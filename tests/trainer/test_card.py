from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from simsvc.engines.model_card import PLOTS
from simsvc.settings import Settings
from simsvc.web import create_app
from tests.simsvc.web.conftest import site
from tests.trainer.measured_files import make_site, write
from trainer.__main__ import main
from trainer.card_analysis import Aim
from trainer.card_measured import MEASUREMENTS
from trainer.card_sections import initial_weights

__all__ = ["site"]  # a fixture of the pages' tests

Folders = tuple[Path, Path, Path]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return make_site(tmp_path)


def call(folders: Folders, *more: str) -> int:
    bundle, measured, run = folders
    given = ["--bundle", str(bundle), "--measured", str(measured), "--run", str(run)]
    return main(["card", *given, *more])


def written(folders: Folders) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folders[0] / "model_card.json").read_text(encoding="utf-8"))
    return card


def changed(folders: Folders, name: str, **entries: object) -> None:
    path = folders[1] / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_card(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """The card has Model Card Toolkit's sections with the measured figures; the command says every aim."""
    assert call(folders) == 0
    card = written(folders)
    assert list(card) == [
        *("schema_version", "model_details", "model_parameters"),
        *("quantitative_analysis", "considerations"),
    ]
    details, figures = card["model_details"], card["quantitative_analysis"]
    assert details["version"]["name"] == "tiny-0"
    assert any("non-commercial research" in entry["description"] for entry in details["licenses"])
    everyone = figures["performance_metrics"][0]
    assert everyone["slice"] == "all"
    assert everyone["mae_years"] == {"value": 4.5, "low": 4.4, "high": 4.6}
    assert everyone["coverage"]["value"] == 0.9
    assert figures["before_and_after"][0] == {
        "slice": "all",
        "faces": 150,
        "mae_before": 5.5,
        "mae_after": 4.5,
        "bias_before": 0.5,
        "bias_after": 0.5,
        "cs5_before": 0.7,
        "cs5_after": 0.7,
        "coverage_before": 0.9,
        "coverage_after": 0.9,
    }
    assert figures["studio_portraits"][0]["mae_years"]["value"] == 3.8
    (banded,) = figures["fairface_labelled_with_bands_of_ages"]
    assert (banded["within_or_close"]["value"], banded["outcome_no_face"]) == (0.85, 3)
    assert figures["moved_or_scaled_crops"][1]["cost"] == 0.3
    assert figures["neighbours"]["candidates"][0]["transform"] == "as served"
    assert figures["withheld_estimates"]["trade_test"][1]["withheld"] == 0.1
    gap = figures["groups_compared"][0]
    assert gap["compared"] == "groups, largest over least, now"
    assert (gap["mae"]["value"], gap["with_ages_made_alike"]["value"]) == (1.5, 1.2)
    assert gap["ages_left_out"] == "age 80-89"
    assert figures["training"]["epochs"] == 2
    printed = capsys.readouterr().out
    assert all(aim["aim"] in printed for aim in figures["aims"])


def test_aims(folders: Folders) -> None:
    """Every bound of the issue is judged by the figures: 4.5 years meets 4.6, a gap of 1.5 misses 1.25."""
    assert call(folders) == 0
    aims = [
        (row["measured"], row["wanted"], row["met"])
        for row in written(folders)["quantitative_analysis"]["aims"]
    ]
    assert aims == [
        (4.5, "at most 4.6", True),
        (0.7, "at least 0.67", True),
        (9, "at most 8", False),
        (1.2, "at most 1.5", True),
        (5, "at most 4", False),
        (1.5, "at most 1.25", False),
        (0.3, "at most 0.4", True),
        (0.9, "at least 0.88, at most 0.92", True),
        (0.87, "at least 0.86", True),
        (0.4, "at most 0.3", False),
        (0.93, "at least 0.9", True),
        (0.7, "at least 0.75", False),
    ]
    assert Aim("x", 0.93, least=0.88, most=0.92).as_row()["met"] is False


def test_what_the_card_says(folders: Folders) -> None:
    """Uses, limits and origins are in words: oversight, no identification, noise, teachers; no path."""
    assert call(folders) == 0
    card = written(folders)
    text = json.dumps(card, ensure_ascii=False)
    for words in ("Annex III, point 5 (c)", "identifying a person", "965 pairs", "CC0 1.0", "net.onnx"):
        assert words in text
    assert "neither predicts nor shows" in text
    assert "secret.jpg" not in text
    assert "a/b" not in text
    assert "mean absolute error 9.0 years, bias -5.0" in text
    assert "1.50 times the least, 1.20 times with the groups' ages made alike" in text


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"weights": "none", "body": "resnet34"}, "random"),
        ({"weights": "pretrained", "body": "efficientnet_lite0"}, "Apache-2.0"),
        ({"weights": "pretrained", "body": "dlib_resnet"}, "CC0 1.0"),
        ({"weights": "some/where/taught.safetensors", "body": "dlib_resnet"}, "trainer, taught.safetensors"),
    ],
)
def test_initial_weights(recipe: dict[str, str], words: str) -> None:
    """Where the weights began is said by the recipe's own entry, without a path."""
    begun, teacher = initial_weights(recipe)
    assert begun.startswith("initial weights: ")
    assert begun.split(" (")[0].endswith(words) or words in begun
    assert "/" not in begun.replace("github.com/", "")
    assert teacher == "no teacher"


def test_plots(folders: Folders) -> None:
    """Every plot of the page is a PNG of under 80 kB, wide enough and on white, the same when drawn again."""
    assert call(folders) == 0
    first = {name: (folders[0] / f"{name}.png").read_bytes() for name in PLOTS}
    for name, data in first.items():
        picture = Image.open(io.BytesIO(data))
        assert picture.format == "PNG"
        assert picture.width == 768
        assert len(data) < 80_000, name
        pixels = np.asarray(picture.convert("RGB"))
        assert (pixels[0, 0] == 255).all()
        assert pixels.std() > 1
    assert call(folders) == 0
    assert first == {name: (folders[0] / f"{name}.png").read_bytes() for name in PLOTS}


@pytest.mark.parametrize("name", sorted(MEASUREMENTS))
def test_a_missing_file_names_its_command(
    folders: Folders, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one measured file nothing is written, and one sentence names the command that writes it."""
    (folders[1] / f"{name}.json").unlink()
    assert call(folders) == 2
    err = capsys.readouterr().err
    assert f"python -m trainer {MEASUREMENTS[name].command} --json" in err
    assert err.count("\n") == 1
    assert not (folders[0] / "model_card.json").exists()
    assert not list(folders[0].glob("*.png"))


@pytest.mark.parametrize("name", sorted(set(MEASUREMENTS) - {"test"}))
def test_left_out_on_purpose(folders: Folders, name: str) -> None:
    """Any file but the test's may be left out by name: the card says so and an older plot of it goes."""
    assert call(folders) == 0
    (folders[1] / f"{name}.json").unlink()
    assert call(folders, "--without", name) == 0
    limits = [entry["description"] for entry in written(folders)["considerations"]["limitations"]]
    assert limits[-1].startswith(f"Not measured for this card: {name}")
    of_plot = {"coverage": "calibration", "withheld": "withheld", "framing": "framing"}.get(name)
    assert of_plot is None or not (folders[0] / f"{of_plot}.png").exists()


@pytest.mark.parametrize(
    ("name", "entries", "sentence"),
    [
        ("framing", {"model": "other-1"}, "is of the model other-1, not of tiny-0"),
        ("coverage", {"model_sha256": "0" * 64}, "is of the model"),
        ("neighbours", {"model": None}, "is of the model None"),
        ("before", {"model": "tiny-0"}, "not of an earlier model"),
        ("test", {"split": "valid"}, "is of the part valid, not test"),
        ("coverage", {"parts": []}, "Measure again"),
        ("framing", {"changes": [{"change": "x"}] * 2}, "Measure again"),
    ],
)
def test_figures_of_another_model(
    folders: Folders,
    name: str,
    entries: dict[str, object],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Figures of another model or part, or none, stop in one sentence before anything is written."""
    changed(folders, name, **entries)
    assert call(folders) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert not (folders[0] / "model_card.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_an_unreadable_file(folders: Folders, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A measured file that is no JSON object is to be written again."""
    (folders[1] / "framing.json").write_text(text)
    assert call(folders) == 2
    assert "framing.json cannot be understood. Write it again with" in capsys.readouterr().err


def test_another_run(folders: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose weights are not in the bundle, or that is not there, is refused."""
    bundle, measured, run = folders
    other = shutil.copytree(run, tmp_path / "other")
    save_file(
        load_file(run / "best.safetensors") | {"head.bias": np.zeros(2, np.float32)},
        other / "best.safetensors",
    )
    assert call((bundle, measured, other)) == 2
    assert "was not exported from the run" in capsys.readouterr().err
    assert call((bundle, measured, tmp_path / "gone")) == 2
    assert "holds no finished run" in capsys.readouterr().err
    (other / "recipe.toml").write_text("= 3")
    assert call((bundle, measured, other)) == 2
    assert "cannot be understood" in capsys.readouterr().err


def test_an_evaluation_of_before_there_was_coverage(folders: Folders) -> None:
    """An earlier evaluation without coverage and comparisons still stands beside the new one."""
    before = json.loads((folders[1] / "before.json").read_text())
    for entry in before["tables"]:
        del entry["coverage"]
    write(folders[1], {"before": before})
    assert call(folders) == 0
    row = written(folders)["quantitative_analysis"]["before_and_after"][0]
    assert "coverage_before" not in row
    assert row["mae_before"] == 5.5


def test_the_page_shows_it(folders: Folders, site: Settings) -> None:
    """The model page has the card's figures with their ranges, its words and all eight plots."""
    assert call(folders) == 0
    client = create_app(replace(site, bundle_dir=folders[0])).test_client()
    html = client.get("/model").text
    for words in ("4.5 (4.4 to 4.6)", "Annex III, point 5 (c)", "As served".lower(), "Studio portraits"):
        assert words in html
    assert "FairFace" in html
    for name in PLOTS:
        assert f"/model/{name}.png" in html
        assert client.get(f"/model/{name}.png").data == (folders[0] / f"{name}.png").read_bytes()
