from pathlib import Path

import numpy as np
import pytest

from simsvc.errors import SourceEmpty
from tests.trainer.datasets.drawn_photos import drawn, write_folder, write_photo
from trainer.datasets import near_duplicates
from trainer.datasets.merge import MergedData, merged

UTKFACE = Path(__file__).parents[4] / "shared" / "data" / "utkface"


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Two folders of 30 photos, of which a.jpg of the one is 7.jpg of the other, and one broken file."""
    left = write_folder(tmp_path / "left", {f"{at}.jpg": 20 + at for at in range(30)})
    right = write_folder(tmp_path / "right", {f"{at}.jpg": 20 + at for at in range(30)}, first_seed=100)
    drawn(7).save(right / "a.jpg", quality=60)
    (right / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with (right / "labels.csv").open("a") as table:
        table.write("a.jpg,45\nbroken.jpg,50\ngone.jpg,51\n")
    return {"folder:right": right, "folder:left": left}


def comparable(data: MergedData) -> tuple[object, ...]:
    """Return all that a merge holds, as values that compare."""
    arrays = (data.split, data.groups, data.pairs.first, data.pairs.second, data.pairs.similarity)
    return (data.rows, data.problems, data.unreadable, *(array.tolist() for array in arrays))


def test_rows_pairs_and_what_is_left_out(sources: dict[str, Path]) -> None:
    """Rows come in order of source and reference; the copy is paired and grouped; bad files are named."""
    data = merged(sources, cache=None)
    names = [(row.source, row.reference) for row in data.rows]
    assert names == sorted(names)
    assert len(names) == 61
    first, second = names.index(("folder:left", "7.jpg")), names.index(("folder:right", "a.jpg"))
    assert (data.pairs.first.tolist(), data.pairs.second.tolist()) == ([first], [second])
    assert data.groups[first] == data.groups[second]
    assert data.split[first] == data.split[second]
    assert data.problems == (("folder:right", "gone.jpg", "the photo is missing"),)
    assert [entry[:2] for entry in data.unreadable] == [("folder:right", "broken.jpg")]


def test_splits_partition_the_rows(sources: dict[str, Path]) -> None:
    """`of` gives every row exactly once over the three splits."""
    data = merged(sources, cache=None)
    parts = [data.of("train"), data.of("valid"), data.of("test")]
    assert sorted(row.path for part in parts for row in part) == sorted(row.path for row in data.rows)
    assert len(data.of("train", "valid", "test")) == len(data.rows)


def test_cache_saves_reading_again(
    sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second merge of the same files gives the same result without decoding a photo."""
    first = merged(sources, cache=tmp_path / "cache")

    def forbidden(paths: object) -> None:
        raise AssertionError(f"photos were read again: {paths}")

    monkeypatch.setattr(near_duplicates, "signatures", forbidden)
    assert comparable(merged(sources, cache=tmp_path / "cache")) == comparable(first)


def test_cache_notices_changed_files(sources: dict[str, Path], tmp_path: Path) -> None:
    """A photo that is replaced by one of another size is read again."""
    merged(sources, cache=tmp_path / "cache")
    write_photo(sources["folder:right"] / "a.jpg", 555)
    assert merged(sources, cache=tmp_path / "cache").pairs.first.size == 0


def test_damaged_cache(sources: dict[str, Path], tmp_path: Path) -> None:
    """A cache file that is cut short is made again."""
    first = merged(sources, cache=tmp_path / "cache")
    kept = list((tmp_path / "cache").glob("*.npz"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    assert comparable(merged(sources, cache=tmp_path / "cache")) == comparable(first)


def test_nothing_to_merge(tmp_path: Path) -> None:
    """A source that holds nothing is refused with a sentence."""
    with pytest.raises(SourceEmpty):
        merged({"utkface": tmp_path}, cache=None)


@pytest.mark.proof
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not UTKFACE.is_dir(), reason="../shared/data/utkface is absent")
def test_real_utkface(tmp_path: Path) -> None:
    """UTKFace has about 1,000 pairs of near-duplicates, their labels some 4 years apart, a quarter over 5."""
    data = merged({"utkface": UTKFACE}, cache=tmp_path)
    ages = np.array([row.age_years for row in data.rows])
    apart = np.abs(ages[data.pairs.first] - ages[data.pairs.second])
    assert len(data.rows) == 21_332
    assert data.unreadable == ()
    assert 850 <= len(apart) <= 1100
    assert 3.5 <= apart.mean() <= 4.5
    assert 0.2 <= np.mean(apart > 5) <= 0.3
    assert [round(float(np.mean(data.split == name)), 2) for name in ("train", "valid", "test")] == [
        0.8,
        0.1,
        0.1,
    ]
    assert all(data.split[data.pairs.first] == data.split[data.pairs.second])
