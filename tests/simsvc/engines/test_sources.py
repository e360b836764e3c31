from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.engines.sources import SOURCES, read_source
from simsvc.errors import SourceEmpty, SourceUnknown
from simsvc.steps.manifest import Skipped

UTKFACE = Path(__file__).parents[4] / "shared" / "data" / "utkface"


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_utkface_labels_come_from_names_and_malformed_ones_are_listed(tmp_path: Path) -> None:
    """Photos are in order of name with their age; a malformed name is listed, other files are passed over."""
    names = ["9_1_2_20170116174525125.jpg.chip.jpg", "25_0_4_20170116174525125.jpg.chip.jpg"]
    folder = touch(tmp_path / "u", *names, "61_3_20170109150557335.jpg.chip.jpg", "notes.txt", ".x.jpg")
    source = read_source("utkface", folder)
    assert source.aligned
    assert [(photo.reference, photo.age_years) for photo in source.photos] == [
        (names[1], 25.0),
        (names[0], 9.0),
    ]
    assert source.skipped == (Skipped("61_3_20170109150557335.jpg.chip.jpg", "malformed_name"),)


@pytest.mark.parametrize(("name", "aligned"), [("folder", False), ("demo", True)])
def test_tables_give_labels_and_list_what_is_missing(tmp_path: Path, name: str, aligned: bool) -> None:
    """Rows are in order of file; a row without its file, or with an odd age or path, is listed."""
    folder = touch(tmp_path / "p", "b.png", "a.png")
    (folder / "labels.csv").write_text("file,age\nb.png,30.5\na.png,20\nc.png,1\n../a.png,3\nb2.png,old\n")
    source = read_source(name, folder)
    assert source.aligned is aligned
    assert [(photo.reference, photo.age_years) for photo in source.photos] == [
        ("a.png", 20.0),
        ("b.png", 30.5),
    ]
    assert [entry.reference for entry in source.skipped] == ["../a.png", "b2.png", "c.png"]
    assert source.skipped[2].reason == "missing_file"


def test_an_unknown_source_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """The sentence lists every name that would work."""
    with pytest.raises(SourceUnknown, match=", ".join(SOURCES)):
        read_source("faces", tmp_path)


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_without_labelled_photos_is_a_sentence(tmp_path: Path, name: str) -> None:
    """A missing folder, and one that holds nothing usable, each say what to check."""
    with pytest.raises(SourceEmpty, match="--path"):
        read_source(name, tmp_path / "absent")
    with pytest.raises(SourceEmpty):
        read_source(name, touch(tmp_path / "empty", "unlabelled.jpg"))


@pytest.mark.data
@pytest.mark.skipif(not UTKFACE.is_dir(), reason="../shared/data/utkface is absent")
def test_the_real_utkface_has_21332_labelled_photos() -> None:
    """21,337 files, five of them malformed."""
    source = read_source("utkface", UTKFACE)
    assert (len(source.photos), len(source.skipped)) == (21_332, 5)
