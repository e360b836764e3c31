from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simsvc.errors import SourceEmpty
from trainer.datasets.formats.rows import Row
from trainer.evaluation.same_person import as_text, bound_for, figures, pairs_of


def row(person: str, age_years: float) -> Row:
    return Row(Path("x.jpg"), age_years, "s", "x.jpg", person)


def at(degrees: float) -> list[float]:
    return [float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))]


def test_the_bound_leaves_few_of_one_persons_pairs_beyond_it() -> None:
    """Photos of one adult a few degrees apart give a bound above them, which another adult exceeds."""
    rows = [row("a", 30), row("a", 35), row("b", 31), row("child", 5), row("child", 6)]
    embeddings = np.array([at(0), at(10), at(90), at(0), at(170)], dtype=np.float32)
    pairs = pairs_of(rows, embeddings)
    found = figures(pairs, bound_for(pairs))
    assert found.far == 0.18  # 2 sin(5 degrees), rounded up
    assert (found.same_pairs, found.false_alarms) == (1, 0.0)
    assert (found.other_pairs, found.found) == (2, 1.0)
    assert "two adults" in as_text(found)


def test_photos_without_a_face_do_not_count() -> None:
    """With one photo left of each person there is nothing to measure."""
    rows = [row("a", 30), row("a", 35), row("b", 31)]
    embeddings = np.array([at(0), [np.nan, np.nan], at(90)], dtype=np.float32)
    with pytest.raises(SourceEmpty, match="No adult has two photos"):
        bound_for(pairs_of(rows, embeddings))
