import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.datasets.audit import as_text, audit, decade
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData
from trainer.datasets.near_duplicates import DuplicatePairs


def merge_of(ages_years: list[float], pairs: list[tuple[int, int]]) -> MergedData:
    """Return merged data of those ages, all in training but the last."""
    rows = tuple(
        Row(Path(f"{at}.jpg"), age, "utkface", f"{at}.jpg", gender="male" if at % 2 else None, group="asian")
        for at, age in enumerate(ages_years)
    )
    groups = np.arange(len(rows))
    for left, right in pairs:
        groups[right] = groups[left]
    return MergedData(
        rows,
        np.array(["train"] * (len(rows) - 1) + ["test"]),
        groups,
        DuplicatePairs(
            np.array([left for left, _ in pairs], np.int64),
            np.array([right for _, right in pairs], np.int64),
            np.full(len(pairs), 0.9, np.float32),
        ),
        (("utkface", "x.jpg", "bad name"), ("utkface", "y.jpg", "bad name")),
        (("utkface", "z.jpg", "The file is empty (0 bytes). Choose the photo again."),),
    )


@pytest.fixture
def data() -> MergedData:
    """Six faces, three pairs of copies whose labels are 0, 5 and 13 years apart."""
    return merge_of([4, 9.5, 30, 35, 43, 110], [(2, 3), (2, 4), (0, 0)])


@pytest.mark.parametrize(("age_years", "name"), [(0, "0-9"), (9.99, "0-9"), (10, "10-19"), (116, "110-119")])
def test_decade(age_years: float, name: str) -> None:
    """A decade runs from a multiple of ten up to the next."""
    assert decade(age_years) == name


def test_counts(data: MergedData) -> None:
    """Every photo is counted once by source, decade in ascending order, gender, group and split."""
    result = audit(data)
    assert result.photos == 6
    assert list(result.by_decade.items()) == [("0-9", 2), ("30-39", 2), ("40-49", 1), ("110-119", 1)]
    assert result.by_gender == {"male": 3, "unknown": 3}
    assert result.by_group == {"asian": 6}
    assert result.by_split == {"train": 5, "valid": 0, "test": 1}
    assert result.split_by_decade["test"] == {"0-9": 0, "30-39": 0, "40-49": 0, "110-119": 1}
    assert result.left_out == {"utkface: bad name": 2}


def test_disagreement_of_near_duplicates(data: MergedData) -> None:
    """The labels' mean difference and the share further apart than five years are those of the pairs."""
    found = audit(data).near_duplicates
    assert found.pairs == 3
    assert found.photos == 4
    assert found.mean_difference_years == pytest.approx((5 + 13 + 0) / 3)
    assert found.far_apart_share == pytest.approx(1 / 3)
    assert (found.worst[0].first, found.worst[0].second) == ("utkface/2.jpg", "utkface/4.jpg")
    assert audit(data).largest_group == 3


def test_without_near_duplicates() -> None:
    """Data without a pair have no mean and no share, in words and in JSON."""
    result = audit(merge_of([30.0], []))
    assert result.near_duplicates.mean_difference_years is None
    assert "0 pairs" in as_text(result)
    assert json.loads(json.dumps(asdict(result)))["near_duplicates"]["far_apart_share"] is None


def test_text_names_what_matters(data: MergedData) -> None:
    """The printed audit holds the decades, the reasons, the unreadable file and the disagreement."""
    text = as_text(audit(data))
    for part in ("6 photos", "110-119", "bad name", "utkface/z.jpg", "6.00 years", "33.3%"):
        assert part in text


def test_picture(data: MergedData, tmp_path: Path) -> None:
    """The picture is a PNG large enough to read, with pairs and without."""
    pytest.importorskip("matplotlib")
    from trainer.evaluation.audit_plot import draw  # noqa: PLC0415 - needs matplotlib

    for number, drawn in enumerate((data, merge_of([30.0], []))):
        draw(drawn, audit(drawn), tmp_path / f"{number}.png")
        with Image.open(tmp_path / f"{number}.png") as picture:
            assert picture.format == "PNG"
            assert picture.width >= 1200


def test_pairs_across_sources(data: MergedData) -> None:
    """Near-duplicates in two sources are counted by the pair of sources; those within one are not."""
    assert audit(data).near_duplicates.across_sources == {}
    rows = (*data.rows[:3], replace(data.rows[3], source="a"), *data.rows[4:])
    result = audit(replace(data, rows=rows))
    assert result.near_duplicates.across_sources == {"a and utkface": 1}
    assert "1 pairs of a and utkface" in as_text(result)
