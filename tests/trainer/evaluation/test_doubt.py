from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.domain.estimate.doubt import MEASURES, parse_doubt
from tests.drawn_faces import SURE_PX, draw_face
from tests.tiny_bundle import make_tiny_bundle
from trainer.__main__ import main
from trainer.evaluation.doubt import REFERRED, Scored, fitted, left_out, scores_of, threshold


def made(source: str, faces: int, seed: int, shift: float = 0.0) -> Scored:
    """Return faces whose error follows the first measure, and nothing else."""
    random = np.random.default_rng(seed)
    measures = random.normal(shift, 1, (faces, len(MEASURES)))
    errors = np.expm1(np.maximum(1 + measures[:, 0] + random.normal(0, 0.1, faces), 0))
    return Scored(source, measures, errors, np.maximum(errors - 2, 0))


def test_finds_what_errors_follow() -> None:
    """The weight of the measure that errors follow is one, and the others have none."""
    found = fitted([made("a", 3000, 0, 3), made("b", 500, 1, 3)], "ab" * 32)
    values = list(found.weights.values())
    assert values[0] == pytest.approx(1, abs=0.03)
    assert values[1:] == pytest.approx([0] * (len(MEASURES) - 1), abs=0.03)
    assert found.constant == pytest.approx(1, abs=0.15)


def test_the_threshold_refers_one_in_twenty_of_each_source_alike() -> None:
    """A large source has no more say than a small one: the mean of their shares above it is 5%."""
    scores = [np.linspace(0, 1, 1000), np.linspace(2, 3, 100)]
    bound = threshold(scores)
    assert np.mean([(one > bound).mean() for one in scores]) == pytest.approx(REFERRED, abs=0.01)


def test_each_source_is_judged_by_the_others() -> None:
    """Where errors can be told, the most doubtful 5% of a source left out hold what is far off."""
    sources = [made("a", 400, 0, 1), made("b", 300, 1, 1), made("c", 200, 2, 1)]
    rows = left_out(sources)
    assert [row.source for row in rows] == ["a", "b", "c"]
    for row, source in zip(rows, sources, strict=True):
        assert row.far == int((source.errors_years > 15).sum())
        assert row.caught >= 0.8 * row.most_caught
        assert row.far_outside <= row.far
    assert left_out(sources[:1]) == []


def test_the_score_of_the_trainer_is_that_of_the_service(tmp_path: Path) -> None:
    """What is written into model.json is read by the service, and a trial writes nothing."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(12):
        draw_face(number, SURE_PX).save(photos / f"{number:03}.png")
    rows = "".join(f"{number:03}.png,{20 + 3 * number},{24 + 3 * number}\n" for number in range(12))
    (photos / "labels.csv").write_text("file,age_lo,age_hi\n" + rows)
    bundle = make_tiny_bundle(tmp_path / "bundle", shares=True)
    words = ["doubt", "--source", f"windows:drawn={photos}", "--bundle", str(bundle), "--threads", "1"]
    before = (bundle / "model.json").read_bytes()
    assert main([*words, "--limit", "6"]) == 0
    assert (bundle / "model.json").read_bytes() == before
    figures = tmp_path / "doubt.json"
    assert main([*words, "--json", str(figures)]) == 0
    loaded = load_bundle(bundle)
    entry = json.loads(figures.read_text())["doubt"]
    assert loaded.raw["doubt"] == entry
    assert entry["faces"] == {"drawn": 12}
    doubt = parse_doubt(loaded.raw["doubt"], loaded.sha256)
    source = made("a", 5, 0)
    by_hand = [sum(row * list(doubt.weights.values())) + doubt.constant for row in source.measures]
    assert scores_of(doubt, source) == pytest.approx(by_hand)


def test_a_model_without_a_distribution_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence says that there is nothing to read doubt off, before any photo is looked at."""
    bundle = make_tiny_bundle(tmp_path / "bundle")
    assert main(["doubt", "--source", f"folder={tmp_path}", "--bundle", str(bundle)]) == 2
    assert "gives no distribution over ages" in capsys.readouterr().err
