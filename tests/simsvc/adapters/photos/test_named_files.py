from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from simsvc.adapters.photos.named_files import Named, find_named

NFC, NFD = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def find(root: Path, *names: str) -> tuple[dict[str, Named], list[str]]:
    others: list[Path] = []
    found = find_named(root, names, others.append)
    return found, sorted(path.relative_to(root).as_posix() for path in others)


@pytest.mark.parametrize("on_disk", [NFC, NFD])
@pytest.mark.parametrize("place", ["{0}.jpg", "{0}/1.jpg", "a/{0}/{0}/{0}.jpg"])
def test_any_normal_form_on_the_disk(tmp_path: Path, on_disk: str, place: str) -> None:
    """A file is found by its composed name, whichever form the disk has, in folders too."""
    make(tmp_path, place.format(on_disk))
    found, others = find(tmp_path, place.format(NFC))
    assert found == {place.format(NFC): Named((tmp_path / place.format(on_disk),))}
    assert others == []


@pytest.mark.parametrize("place", ["{0}.jpg", "{0}/1.jpg"])
def test_two_files_of_one_name(tmp_path: Path, place: str) -> None:
    """Files, or folders around them, that differ only in normal form are both told."""
    make(tmp_path, place.format(NFC), place.format(NFD))
    found, _ = find(tmp_path, place.format(NFC))
    assert len(found[place.format(NFC)].paths) == 2


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        ("anna.jpg", "Anna.JPG"),
        ("Anna/1.jpg", "anna/1.jpg"),
        (f"{NFD}.jpg", "MÜLLER.jpg"),
        ("a/B.jpg", "A/b.jpg"),
    ],
)
def test_a_name_in_another_case(tmp_path: Path, on_disk: str, name: str) -> None:
    """A file whose name differs only in case is not the file, and is told."""
    make(tmp_path, on_disk)
    found, _ = find(tmp_path, name)
    assert found == {name: Named(other_case=unicodedata.normalize("NFC", on_disk))}


def test_case_tells_files_apart(tmp_path: Path) -> None:
    """Two files that differ in case are two files, also in one table."""
    make(tmp_path, "a.jpg", "A.jpg", "b/1.jpg", "B/1.jpg")
    found, others = find(tmp_path, "a.jpg", "A.jpg", "B/1.jpg")
    assert {
        name: [path.relative_to(tmp_path).as_posix() for path in one.paths] for name, one in found.items()
    } == {
        "a.jpg": ["a.jpg"],
        "A.jpg": ["A.jpg"],
        "B/1.jpg": ["B/1.jpg"],
    }
    assert others == []


def test_missing_files_and_other_ones(tmp_path: Path) -> None:
    """A name without a file leads nowhere; files and folders that no name leads to are told, once each."""
    make(tmp_path, "a.jpg", "b.jpg", "sub/1.jpg", "sub/2.jpg", "rest/3.jpg", "folder.jpg/x")
    found, others = find(
        tmp_path, "a.jpg", "gone.jpg", "sub/1.jpg", "sub/gone.jpg", "no/where.jpg", "folder.jpg"
    )
    assert [name for name, one in found.items() if one == Named()] == [
        "gone.jpg",
        "folder.jpg",
        "sub/gone.jpg",
        "no/where.jpg",
    ]
    assert others == ["b.jpg", "folder.jpg", "rest", "sub/2.jpg"]
