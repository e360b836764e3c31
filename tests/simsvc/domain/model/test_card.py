from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.model.card import Bullets, Grid, Pairs, Words, card_parts, cell, model_parts, part, title

SCALARS = st.none() | st.booleans() | st.integers(-9999, 9999) | st.floats(-1e6, 1e6) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("model_details", "Model details"),
        ("mean_age_years", "Mean age, years"),
        ("mae", "MAE"),
        ("cs5", "CS@5"),
        ("model_sha256", "Model SHA-256"),
        ("seconds", "Seconds"),
        ("", ""),
    ],
)
def test_keys_are_written_as_people_would(key: str, words: str) -> None:
    """Underscores go, units follow a comma, abbreviations keep their form."""
    assert title(key) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (17066, "17,066"),
        (4.8166, "4.82"),
        (1791.3, "1,791"),
        ([0.05, 0.1], "0.05, 0.1"),
        ({"value": 4.8166, "low": 4.6261, "high": 5.0309}, "4.82 (4.63 to 5.03)"),
        (None, ""),
    ],
)
def test_values_are_written_short(value: object, text: str) -> None:
    """Figures have three places, measured ones their range."""
    assert cell(value) == text


def test_a_card_of_the_toolkits_sections_is_laid_out() -> None:
    """Overview, lists of limits and tables of figures each get their form."""
    card: dict[str, Any] = {
        "schema_version": "0.0.2",
        "model_details": {"name": "face", "overview": "Estimates ages."},
        "quantitative_analysis": {
            "performance_metrics": [{"slice": "all", "mae": {"value": 4.2, "low": 4.0, "high": 4.4}}],
            "graphics": {"collection": [{"name": "x", "image": "AAAA" * 1000}]},
        },
        "considerations": {"limitations": [{"description": "Not for identification."}]},
    }
    details, analysis, considerations = card_parts(card)
    assert details.blocks == (Pairs((("Name", "face"), ("Overview", "Estimates ages."))),)
    assert analysis.parts[0].blocks == (Grid(("Slice", "MAE"), (("all", "4.2 (4 to 4.4)"),)),)
    assert considerations.parts[0].blocks == (Bullets(("Not for identification.",)),)
    assert "AAAA" not in repr(card_parts(card))


def test_a_part_may_be_one_text() -> None:
    """A section that is a sentence becomes a paragraph."""
    assert part("Terms", "Research only.").blocks == (Words("Research only."),)


def test_a_model_without_a_card_tells_what_model_json_says() -> None:
    """Name, training and figures are parts; what is missing is left out."""
    raw = {
        "name": "tiny",
        "dims": 16,
        "layer": "features",
        "input": {"size_px": 32},
        "training": {"seconds": 3},
    }
    parts = model_parts(raw, "tiny-0", "ab" * 32)
    assert [entry.title for entry in parts] == ["Model", "Training"]
    assert ("Crop side, px", "32") in parts[0].blocks[0].rows  # type: ignore[union-attr]  # the first block is pairs


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_json_can_be_laid_out(card: dict[str, Any]) -> None:
    """Whatever a card holds, laying it out ends with a part for each section that says something."""
    assert len(card_parts(json.loads(json.dumps(card)))) <= len(card)
