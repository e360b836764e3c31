from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.model_card import PLOTS
from simsvc.settings import Settings
from simsvc.web.app import create_app
from tests.simsvc.web.i18n.helpers import dead_words
from tests.simsvc.web.signed_in import signed_in
from tests.trainer.measured_files import make_site, write
from tests.trainer.model_card.helpers import Folders, call, written
from trainer.model_card.aims import Aim
from trainer.model_card.sections import initial_weights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folders, str]:
    """Write the card of a measured model; return its folders, and what the command prints."""
    folders = make_site(tmp_path_factory.mktemp("card"))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert call(folders) == 0
    return folders, printed.getvalue()


@pytest.fixture(scope="module")
def card(made: tuple[Folders, str]) -> dict[str, Any]:
    return written(made[0])


@pytest.fixture(scope="module")
def figures(card: dict[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", card["quantitative_analysis"])


def test_sections(card: dict[str, Any]) -> None:
    """The card has Model Card Toolkit's sections, the model's version and its licences."""
    assert list(card) == [
        *("schema_version", "model_details", "model_parameters"),
        *("quantitative_analysis", "considerations"),
    ]
    details = card["model_details"]
    assert details["version"]["name"] == "tiny-0"
    assert any("non-commercial research" in entry["description"] for entry in details["licenses"])


def test_the_card_speaks_the_words_of_the_pages(card: dict[str, Any]) -> None:
    """Its sentences are shown on a page, so no dead word is among them."""
    assert [(text, dead) for text in texts(card) if (dead := dead_words(text))] == []


def texts(value: object) -> Iterator[str]:
    """Give every text below a value of JSON, keys aside."""
    if isinstance(value, str):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(below)


def test_errors_with_their_ranges(figures: dict[str, Any]) -> None:
    """The first row is of all faces: the error with its range, and the coverage."""
    everyone = figures["performance_metrics"][0]
    assert everyone["slice"] == "all"
    assert everyone["mae_years"] == {"value": 4.5, "low": 4.4, "high": 4.6}
    assert everyone["coverage"]["value"] == 0.9


def test_before_and_after(figures: dict[str, Any]) -> None:
    """What was measured of the model before is beside the same of this one."""
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


def test_every_measurement_has_its_table(figures: dict[str, Any]) -> None:
    """Portraits, bands of ages, moved crops, neighbours, withheld estimates and the training are there."""
    (banded,) = figures["fairface_labelled_with_bands_of_ages"]
    assert (banded["within_or_close"]["value"], banded["outcome_no_face"]) == (0.85, 3)
    assert figures["studio_portraits"][0]["mae_years"]["value"] == 3.8
    assert figures["moved_or_scaled_crops"][1]["cost"] == 0.3
    assert figures["neighbours"]["candidates"][0]["transform"] == "as served"
    assert figures["withheld_estimates"]["trade_test"][1]["withheld"] == 0.1
    assert figures["training"]["epochs"] == 2


def test_groups_are_compared(figures: dict[str, Any]) -> None:
    """The largest error over the least, as it is and with ages made alike; ages left out are named."""
    gap = figures["groups_compared"][0]
    assert gap["compared"] == "groups, largest over least, now"
    assert (gap["mae"]["value"], gap["with_ages_made_alike"]["value"]) == (1.5, 1.2)
    assert gap["ages_left_out"] == "age 80-89"


def test_the_command_prints_every_aim(made: tuple[Folders, str], figures: dict[str, Any]) -> None:
    """Who runs it reads which aims are met."""
    assert all(aim["aim"] in made[1] for aim in figures["aims"])


def test_aims(figures: dict[str, Any]) -> None:
    """Every bound is judged by the figures: 4.5 years meets 4.6, a gap of 1.5 misses 1.25."""
    aims = [(row["measured"], row["wanted"], row["met"]) for row in figures["aims"]]
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


def test_an_aim_between_two_bounds() -> None:
    """What is above the upper bound misses it."""
    assert Aim("x", 0.93, least=0.88, most=0.92).as_row()["met"] is False


@pytest.fixture(scope="module")
def anywhere(figures: dict[str, Any]) -> dict[str, Any]:
    assert next(iter(figures)) == "photos_from_anywhere"
    return cast("dict[str, Any]", figures["photos_from_anywhere"])


def test_errors_by_source(anywhere: dict[str, Any]) -> None:
    """Each source and their mean have a row, with the error of a constant guess."""
    rows = anywhere["error_by_source"]
    assert [row["source"] for row in rows] == ["FG-NET", "Studio portraits", "mean of the sources"]
    assert rows[0]["constant_guess_years"]["value"] == 10


def test_the_same_photos_judged_by_free_packages(anywhere: dict[str, Any]) -> None:
    """The packages' means over the sources come first."""
    peers = anywhere["the_same_photos_judged_by_free_packages"]
    assert [(row["source"], row["package"]) for row in peers[:2]] == [
        ("mean of the sources", "one"),
        ("mean of the sources", "two"),
    ]


def test_what_sources_and_reference_faces_change(anywhere: dict[str, Any]) -> None:
    """Errors without a source in training, and with one's own reference faces, are there."""
    assert anywhere["sources_left_out_of_training"][0]["error_over_constant_guess"] == 0.6
    assert anywhere["with_and_without_your_own_reference_faces"][0]["mae_years_with"] == 4.0


def test_parts_of_sources(anywhere: dict[str, Any]) -> None:
    """Women and men are compared where both are known; decades have errors and numbers of faces."""
    (women,) = anywhere["women_and_men"]
    assert women["source"] == "Studio portraits"
    (decade,) = anywhere["error_by_decade_of_age_and_number_of_faces_years"]
    assert decade == {"age": "20-29", "FG-NET": "5.0 (12)", "Studio portraits": "5.0 (12)"}


def test_what_other_photos_forbid(card: dict[str, Any]) -> None:
    """Uses out of scope name the spread of errors and biases between sources."""
    uses = [entry["description"] for entry in card["considerations"]["use_cases"]]
    (said,) = (text for text in uses if "photos unlike any" in text)
    assert "from 5.0 years (FG-NET) to 5.0 (FG-NET)" in said


def test_what_the_card_says(card: dict[str, Any]) -> None:
    """Uses, limits and origins are in words: oversight, no identification, noise, teachers; no path."""
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


def test_plots_are_small_pictures(made: tuple[Folders, str]) -> None:
    """Every plot of the page is a PNG of under 80 kB, wide enough and on white."""
    for name in PLOTS:
        path = made[0][0] / f"{name}.png"
        picture = Image.open(path)
        pixels = np.asarray(picture.convert("RGB"))
        assert (picture.format, picture.width) == ("PNG", 768)
        assert path.stat().st_size < 80_000, name
        assert (pixels[0, 0] == 255).all()
        assert pixels.std() > 1


def test_plots_are_the_same_when_drawn_again(made: tuple[Folders, str]) -> None:
    """The same figures give the same bytes."""
    folders, _ = made
    first = {name: (folders[0] / f"{name}.png").read_bytes() for name in PLOTS}
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


def test_the_page_shows_it(made: tuple[Folders, str], site: Settings) -> None:
    """The model page has the card's figures with their ranges, its words and all of its plots."""
    folders, _ = made
    client = signed_in(create_app(site.model_copy(update={"bundle_dir": folders[0]})))
    html = client.get("/model").text
    for words in ("4.5 (4.4 to 4.6)", "Annex III, point 5 (c)", "As served".lower(), "Studio portraits"):
        assert words in html
    assert "FairFace" in html
    for name in PLOTS:
        assert f"/model/{name}.png" in html
        assert client.get(f"/model/{name}.png").data == (folders[0] / f"{name}.png").read_bytes()


def test_initial_weights_of_parts_joined() -> None:
    """Each part tells what it began from; one that only has its scores offset has no teacher."""
    words = initial_weights({"parts": "anywhere-near,anywhere-published"})
    assert any(line.startswith("anywhere-near: ") and "dlib" in line for line in words)
    assert any(line.startswith("anywhere-near: mixture") and "faceres" in line for line in words)
    (began, teacher) = (line for line in words if line.startswith("anywhere-published: "))
    assert "faceres-deep" in began
    assert teacher.endswith("no teacher")
