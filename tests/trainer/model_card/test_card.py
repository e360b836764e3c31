from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.model_card import PLOTS
from simsvc.settings import Settings
from simsvc.web import create_app
from tests.simsvc.web.signed_in import signed_in
from tests.trainer.measured_files import write
from tests.trainer.model_card.helpers import Folders, call, written
from trainer.model_card.aims import Aim
from trainer.model_card.sections import initial_weights


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
        (5, "at most 4.2", False),
        (2.5, "at most 2", False),
        (0.9, "at least 0.86", True),
        (0.9, "at most 0.95", True),
        (5, "at most 16", True),
        (1.3, "at most 1.25", False),
        (0.25, "at most 0", False),
        (-1, "at most 0", True),
        (0.6, "at most 0.6", True),
        (1, "at most 3", True),
        (0.87, "at least 0.85", True),
        (4, "at most 3.4", False),
        (0.7, "at least 0.86, at most 0.94", False),
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


def test_photos_from_anywhere(folders: Folders) -> None:
    """The card's figures begin with the sources: their errors, packages, ages, and what was left out."""
    assert call(folders) == 0
    figures = written(folders)["quantitative_analysis"]
    assert next(iter(figures)) == "photos_from_anywhere"
    section = figures["photos_from_anywhere"]
    rows = section["error_by_source"]
    assert [row["source"] for row in rows] == ["FG-NET", "Studio portraits", "mean of the sources"]
    assert rows[0]["constant_guess_years"]["value"] == 10
    peers = section["the_same_photos_judged_by_free_packages"]
    assert [(row["source"], row["package"]) for row in peers[:2]] == [
        ("mean of the sources", "one"),
        ("mean of the sources", "two"),
    ]
    assert section["sources_left_out_of_training"][0]["error_over_constant_guess"] == 0.6
    assert section["with_and_without_your_own_reference_faces"][0]["mae_years_with"] == 4.0
    (women,) = section["women_and_men"]
    assert women["source"] == "Studio portraits"
    (decade,) = section["error_by_decade_of_age_and_number_of_faces_years"]
    assert decade == {"age": "20-29", "FG-NET": "5.0 (12)", "Studio portraits": "5.0 (12)"}


def test_what_other_photos_forbid(folders: Folders) -> None:
    """Uses out of scope name the spread of errors and biases between sources."""
    assert call(folders) == 0
    uses = [entry["description"] for entry in written(folders)["considerations"]["use_cases"]]
    (said,) = (text for text in uses if "photos unlike any" in text)
    assert "from 5.0 years (FG-NET) to 5.0 (FG-NET)" in said


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
        ({"weights": "none", "goes_on": "face-taught", "body": "dlib_resnet"}, "CC0 1.0"),
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


def test_what_teachers_began_from() -> None:
    """Every kind of published weights that a teacher began from is named once; a teacher unknown has none."""
    names = "fold-1,fold-dino-1,fold-2,gone"
    words = initial_weights({"weights": "none", "body": "resnet34", "teachers": names})
    assert [line.split(" trained")[0][:40] for line in words[2:]] == [
        "initial weights of teachers: dlib's face",
        "initial weights of teachers: DINOv2's Vi",
    ]
    assert words[1] == f"teachers: {names}"


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
    """The model page has the card's figures with their ranges, its words and all of its plots."""
    assert call(folders) == 0
    client = signed_in(create_app(replace(site, bundle_dir=folders[0])))
    html = client.get("/model").text
    for words in ("4.5 (4.4 to 4.6)", "Annex III, point 5 (c)", "As served".lower(), "Studio portraits"):
        assert words in html
    assert "FairFace" in html
    for name in PLOTS:
        assert f"/model/{name}.png" in html
        assert client.get(f"/model/{name}.png").data == (folders[0] / f"{name}.png").read_bytes()
