from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.errors import LabelsUnreadable
from tests.trainer.datasets.drawn_photos import write_photo
from trainer.datasets.formats.imdb_wiki import completed_years
from trainer.datasets.formats.rows import Row
from trainer.datasets.registry import read

savemat = pytest.importorskip("scipy.io").savemat

GOOD = "17/10000217_1981-05-05_2009.jpg"


def cells(values: list[Any]) -> np.ndarray[Any, Any]:
    """Return a 1 x N Matlab cell array."""
    array = np.empty((1, len(values)), dtype=object)
    array[0, :] = values
    return array


def struct(**changed: list[Any]) -> dict[str, Any]:
    """Return the struct of the publishers, of two photos: the first as it stands in wiki.mat."""
    columns: dict[str, list[Any]] = {
        "dob": [723671, 703186],
        "photo_taken": [2009, 1964],
        "full_path": [GOOD, "48/10000548_1925-04-04_1964.jpg"],
        "gender": [1.0, 0.0],
        "name": ["Sami Jauhojärvi", "Dettmar Cramer"],
        "face_score": [4.30962, 4.0],
        "second_face_score": [np.nan, np.nan],
    }
    columns |= changed
    return {
        name: cells(values) if name in {"full_path", "name"} else np.array([values], dtype=np.float64)
        for name, values in columns.items()
    } | {"face_location": cells([np.array([[111.3, 111.3, 252.7, 252.7]])] * 2)}


def write(root: Path, database: str, **changed: list[Any]) -> Path:
    """Write the .mat and the photos it names."""
    fields = struct(**changed)
    savemat(root / f"{database}.mat", {database: fields})
    for seed, name in enumerate(fields["full_path"][0]):
        if name and ".." not in name:
            write_photo(root / name, seed)
    return root


def test_wiki(tmp_path: Path) -> None:
    """A real .mat of the published shape gives path, age, person and gender of every photo."""
    listing = read("wiki", write(tmp_path, "wiki"))
    assert listing.problems == ()
    assert listing.rows[0] == Row(
        tmp_path / GOOD, 28.0, "wiki", GOOD, person="Sami Jauhojärvi", gender="male"
    )
    assert (listing.rows[1].age_years, listing.rows[1].gender) == (39.0, "female")


def test_imdb(tmp_path: Path) -> None:
    """imdb.mat, with its struct of another name and its further fields, is read by the same reader."""
    fields = struct() | {"celeb_names": cells(["a", "b"]), "celeb_id": np.array([[1.0, 2.0]])}
    savemat(tmp_path / "imdb.mat", {"imdb": fields})
    write_photo(tmp_path / GOOD, 0)
    listing = read("imdb", tmp_path)
    assert [row.reference for row in listing.rows] == [GOOD]
    assert "missing" in listing.problems[0][1]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"face_score": [4.0, -np.inf]}, "no face"),
        ({"face_score": [4.0, 3.4999]}, "score"),
        ({"second_face_score": [np.nan, 1.2]}, "second face"),
        ({"dob": [723671, 5]}, "birth date"),
        ({"dob": [723671, np.nan]}, "birth date"),
        ({"photo_taken": [2009, 1925]}, "1..100"),
        ({"photo_taken": [2009, 2030]}, "1..100"),
        ({"full_path": [GOOD, "../outside.jpg"]}, "relative"),
        ({"full_path": [GOOD, ""]}, "empty"),
    ],
)
def test_filters(tmp_path: Path, changed: dict[str, list[Any]], why: str) -> None:
    """The origin's filters leave the second photo out, each with its reason, and keep the first."""
    listing = read("wiki", write(tmp_path, "wiki", **changed))
    assert [row.reference for row in listing.rows] == [GOOD]
    assert len(listing.problems) == 1
    assert why in listing.problems[0][1]


def test_boundaries_of_the_filters(tmp_path: Path) -> None:
    """A score of exactly 3.5 and ages of exactly 1 and 100 are kept, and an unknown gender is None."""
    write(tmp_path, "wiki", face_score=[3.5, 3.5], photo_taken=[1982, 2025], gender=[np.nan, 0.0])
    rows = read("wiki", tmp_path).rows
    assert [row.age_years for row in rows] == [1.0, 100.0]
    assert rows[0].gender is None


@settings(deadline=None)
@given(
    born=st.dates(date(1850, 1, 1), date(2010, 12, 31)),
    taken=st.integers(1900, 2020),
    hour=st.floats(0.0, 0.99),
)
def test_completed_years_by_birthdays(born: date, taken: int, hour: float) -> None:
    """The age is the number of birthdays up to 1 July of the year taken."""
    age = completed_years(born.toordinal() + 366 + hour, taken)
    birthdays = sum((year, born.month, born.day) <= (taken, 7, 1) for year in range(born.year + 1, taken + 1))
    assert age == birthdays or (age < 0 and birthdays == 0)


def test_missing_mat(tmp_path: Path) -> None:
    """A folder without its .mat is refused with a sentence."""
    with pytest.raises(LabelsUnreadable, match=r"imdb\.mat is missing"):
        read("imdb", tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 100, 300, -20])
def test_damaged_mat(tmp_path: Path, cut: int) -> None:
    """A .mat cut short is refused with a sentence."""
    write(tmp_path, "wiki")
    mat = tmp_path / "wiki.mat"
    mat.write_bytes(mat.read_bytes()[:cut])
    with pytest.raises(LabelsUnreadable, match="cannot be read"):
        read("wiki", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"wiki": np.zeros((1, 3))},
        {"other": struct()},
        {"wiki": {name: values for name, values in struct().items() if name != "dob"}},
        {"wiki": struct() | {"dob": np.zeros((1, 7))}},
    ],
)
def test_mat_of_another_shape(tmp_path: Path, content: dict[str, Any]) -> None:
    """A .mat with another variable, a missing field or unequal lengths is refused with a sentence."""
    savemat(tmp_path / "wiki.mat", content)
    with pytest.raises(LabelsUnreadable, match="cannot be read"):
        read("wiki", tmp_path)
