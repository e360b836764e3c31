from __future__ import annotations

from simsvc.domain.model.fairness import AGES, GROUPS, Figure, fairness, without_overlaps

CARD = {
    "quantitative_analysis": {
        "performance_metrics": [
            {"slice": "all", "faces": 30, "mae_years": {"value": 4.5, "low": 4.0, "high": 5.0}, "cs5": 0.7},
            {"slice": "age 80-89", "faces": 9, "mae_years": {"value": 8.0, "low": 6.0, "high": 11.0}},
            {"slice": "age 90+", "faces": 2},
            {"slice": "age 80+", "faces": 11},
            {"slice": "group other", "faces": 5},
        ]
    }
}


def test_a_card_gives_figures_with_their_intervals() -> None:
    """Values with an interval, plain values, and None for what was not measured."""
    found = fairness(CARD, {})
    assert found.everyone is not None
    assert found.everyone.mae_years == Figure(4.5, 4.0, 5.0)
    assert found.everyone.cs5 == Figure(0.7)
    assert found.everyone.coverage is None
    assert [part.name for part in found.of(GROUPS)] == ["other"]


def test_without_a_card_the_document_is_read() -> None:
    """model.json has shorter names and says which split it was measured on."""
    document = {"metrics": {"split": "valid", "tables": [{"part": "all", "faces": 3, "mae": {"value": 2.0}}]}}
    found = fairness(None, document)
    assert (found.measured_on, found.parts[0].mae_years) == ("valid", Figure(2.0))
    assert fairness(None, {}).parts == ()


def test_ages_that_sum_up_others_are_left_out() -> None:
    """Of "80+", "80-89" and "90+", the first repeats the other two."""
    assert [part.name for part in without_overlaps(fairness(CARD, {}).of(AGES))] == ["80\N{EN DASH}89", "90+"]
