from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from simsvc.errors import SettingsError
from trainer.evaluation.measures import fairness_before
from trainer.evaluation.measures.fairness import LEAST_CELL_FACES, LEAST_FACES, Comparison, as_text, compare


def cells(*sizes: tuple[str | None, float, float, int]) -> Comparison:
    """Compare parts made of (part, age, error of every face, faces)."""
    parts = [part for part, _, _, count in sizes for _ in range(count)]
    labels = np.concatenate([np.full(count, age) for _, age, _, count in sizes])
    errors = np.concatenate([np.full(count, error) for _, _, error, count in sizes])
    return compare(errors, labels, parts)


def of_other_ages() -> Comparison:
    """Compare two groups with equal errors at equal ages: 2 years at the age of 5, 6 at that of 35.

    Group a: 80 faces of 5 years, 20 of 35; group b the other way round.
    """
    return cells(("a", 5, 2, 80), ("a", 35, -6, 20), ("b", 5, -2, 20), ("b", 35, 6, 80))


def test_groups_of_other_ages_differ_plainly() -> None:
    """By hand 0.8 * 2 + 0.2 * 6 = 2.8, and 5.2: a gap of 13/7."""
    comparison = of_other_ages()
    assert [(part.part, part.faces, part.mae.value) for part in comparison.parts] == [
        ("a", 100, 2.8),
        ("b", 100, 5.2),
    ]
    assert comparison.gap is not None
    assert comparison.gap.value == pytest.approx(13 / 7, abs=1e-4)
    assert comparison.gap.low < 13 / 7 < comparison.gap.high


def test_direct_standardisation_by_hand() -> None:
    """Of all 200 faces half are of each age, so both groups are at 0.5 * 2 + 0.5 * 6 = 4: no gap is left."""
    comparison = of_other_ages()
    assert [part.standardised_mae.value for part in comparison.parts if part.standardised_mae] == [4, 4]
    assert comparison.gap_of_ages == pytest.approx(13 / 7)
    assert comparison.standardised_gap is not None
    assert (comparison.standardised_gap.low, comparison.standardised_gap.high) == (1, 1)


def test_weights_are_of_all_faces() -> None:
    """Faces of a part too small to compare still count among the ages that are standardised to.

    40 more young faces of c: 140 young of 240; a stands at (140 * 2 + 100 * 6) / 240.
    """
    comparison = cells(
        *(("a", 5, 2, 80), ("a", 35, 6, 20), ("b", 5, 4, 20), ("b", 35, 3, 80)), ("c", 5, 50, 40)
    )
    assert comparison.parts_left_out == ("c",)
    (first, second) = (part.standardised_mae for part in comparison.parts)
    assert first is not None
    assert second is not None
    assert first.value == pytest.approx(880 / 240, abs=1e-4)
    assert second.value == pytest.approx(860 / 240, abs=1e-4)
    assert comparison.standardised_gap is not None
    assert comparison.standardised_gap.value == pytest.approx(880 / 860, abs=1e-4)


def test_rare_decades_are_left_out_by_name() -> None:
    """A decade in which one part has too few faces does not count, and the result says which."""
    few = LEAST_CELL_FACES - 1
    comparison = cells(
        *(("a", 5, 2, 100), ("a", 85, 30, few), ("b", 5, 4, 100), ("b", 85, 1, 50)), (None, 45, 9, 50)
    )
    assert comparison.decades == ("age 0-9",)
    assert comparison.decades_left_out == ("age 80-89",)
    assert comparison.standardised_gap is not None
    assert comparison.standardised_gap.value == 2
    assert "age 80-89" in as_text(comparison, "groups")


def test_what_ages_alone_make() -> None:
    """Parts of the same ages differ by nothing of theirs, whatever their errors; small ones count, too.

    Young faces are off by (100 * 2 + 100 * 4 + 50 * 8) / 250 = 4 years: a and b stand there, d at its 10.
    """
    alike = cells(("a", 5, 2, 100), ("b", 5, 4, 100))
    assert alike.gap is not None
    assert (alike.gap.value, alike.gap_of_ages) == (2, 1)
    mixed = cells(*(("a", 5, 2, 100), ("b", 5, 4, 100), ("c", 5, 8, 50)), ("d", 35, 10, 100))
    assert mixed.gap_of_ages == pytest.approx(10 / 4)
    assert cells(("a", 5, 2, 100)).gap_of_ages is None
    assert cells(("a", 5, 0, 100), ("b", 5, 0, 100)).gap_of_ages is None


def test_no_shared_decade() -> None:
    """Parts without one age in common are compared plainly alone."""
    comparison = cells(("a", 5, 2, 100), ("b", 65, 3, 100))
    assert comparison.gap is not None
    assert comparison.gap.value == 1.5
    assert comparison.standardised_gap is None
    assert all(part.standardised_mae is None for part in comparison.parts)


@pytest.mark.parametrize("sizes", [[], [("a", 5.0, 2.0, 100)], [("a", 5.0, 2.0, 99), ("b", 5.0, 3.0, 99)]])
def test_nothing_to_compare(sizes: list[tuple[str, float, float, int]]) -> None:
    """Fewer than two parts of enough faces make no gap, and the text says so."""
    comparison = cells(*sizes) if sizes else compare(np.ones(3), np.ones(3), [None] * 3)
    assert comparison.gap is None
    assert f"no two parts of {LEAST_FACES} faces" in as_text(comparison, "groups")
    json.dumps(comparison.as_dict(), allow_nan=False)


def test_interval_holds_the_true_gap() -> None:
    """With a true ratio of 1.5 the interval of the gap holds it in most of 20 samples."""
    held = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        errors = np.concatenate([random.normal(0, 4, 400), random.normal(0, 6, 400)])
        gap = compare(errors, np.full(800, 30.0), ["a"] * 400 + ["b"] * 400, seed).gap
        assert gap is not None
        held += gap.low <= 1.5 <= gap.high
    assert held >= 16


def table(part: str, mae: float, **others: float) -> dict[str, object]:
    """Return one entry of an evaluation's tables."""
    figures = {"mae": mae, **others}
    return {"part": part, "faces": 9} | {k: {"value": v, "low": v, "high": v} for k, v in figures.items()}


BEFORE = {"model": "old", "source": "utkface", "split": "test", "tables": [table("all", 5, bias=-2)]}
AFTER = BEFORE | {"model": "new", "tables": [table("all", 4, bias=1, coverage=0.9), table("age 80+", 7)]}


def test_before_and_after() -> None:
    """Only parts and figures that both have are put beside each other."""
    (row,) = fairness_before.beside(BEFORE, AFTER)
    assert row == {
        "part": "all",
        "faces": 9,
        "mae_before": 5,
        "mae_after": 4,
        "bias_before": -2,
        "bias_after": 1,
    }
    text = fairness_before.as_text(BEFORE, AFTER)
    assert "before (old) and after (new)" in text
    assert "5.00 -> 4.00" in text


def test_reading_an_earlier_evaluation(tmp_path: Path) -> None:
    """What evaluate wrote is read; what is missing, broken or of other faces says what to write."""
    path = tmp_path / "before.json"
    with pytest.raises(SettingsError, match="no file"):
        fairness_before.read(path, "utkface", "test")
    path.write_text("[]")
    with pytest.raises(SettingsError, match="no figures"):
        fairness_before.read(path, "utkface", "test")
    path.write_text(json.dumps(BEFORE))
    assert fairness_before.read(path, "utkface", "test") == BEFORE
    with pytest.raises(SettingsError, match="other faces"):
        fairness_before.read(path, "utkface", "valid")
