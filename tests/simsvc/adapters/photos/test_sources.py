from __future__ import annotations

from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from simsvc.adapters.photos.sources import SOURCES, photos_of_one_age, read_source
from simsvc.domain.gallery.labelled_faces import LabelledSource
from simsvc.domain.gallery.manifest import Skipped
from simsvc.errors import LabelsUnreadable, SourceEmpty, SourceError, SourceUnknown
from tests.drawn_faces import draw_face

NormalForm = Literal["NFC", "NFD"]
CASES = Path(__file__).parents[5] / "shared" / "cases"
UTKFACE = Path(__file__).parents[5] / "shared" / "data" / "utkface"


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


def reasons(source: LabelledSource) -> list[tuple[str, str]]:
    return [(entry.reference, entry.reason) for entry in source.skipped]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
def test_names_meet_in_one_form(tmp_path: Path, on_disk: NormalForm, in_table: NormalForm) -> None:
    """A row finds its file in whatever form table and disk write its name; the reference is composed."""
    folder = touch(tmp_path / "p", normalize(on_disk, "Müller.jpg"))
    (folder / "labels.csv").write_text(normalize(in_table, "file,age\nMüller.jpg,30\n"))
    source = read_source("folder", folder)
    assert [photo.reference for photo in source.photos] == ["Müller.jpg"]
    assert source.photos[0].path.is_file()
    assert (source.skipped, source.notes) == ((), ())


def test_two_files_of_one_name_are_told(tmp_path: Path) -> None:
    """Two files that differ only in normal form are not guessed between."""
    folder = touch(tmp_path / "p", "a.jpg", normalize("NFC", "ü.jpg"), normalize("NFD", "ü.jpg"))
    (folder / "labels.csv").write_text("file,age\nü.jpg,30\na.jpg,31\n")
    source = read_source("folder", folder)
    assert reasons(source) == [("ü.jpg", "two_files_of_one_name")]
    assert "rename or delete one" in source.notes[0]
    assert reasons(photos_of_one_age("clinic", folder, 30)) == [("ü.jpg", "two_files_of_one_name")]


def test_names_that_differ_in_case_are_told(tmp_path: Path) -> None:
    """A row whose file is there in another case is not used, and the cure names both."""
    folder = touch(tmp_path / "p", "anna.jpg", "b.jpg")
    (folder / "labels.csv").write_text("file,age\nAnna.JPG,30\nb.jpg,31\n")
    source = read_source("folder", folder)
    assert reasons(source) == [("Anna.JPG", "differs_in_case")]
    assert "Anna.JPG is anna.jpg" in source.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "file;age\na.jpg;x\nb.jpg;y\nc.jpg;3\n",
            ["None of the 3 rows", "2 x the age must be", "(first: a.jpg)", "1 x there is no such file"],
        ),
        ("file,age\nA.jpg,3\n", ["name differs in case", "A.jpg is a.jpg"]),
        ("file,age\n", ["no row below its first line"]),
        ("file,alter\na.jpg,3\n", ["no column 'age'", "file, alter"]),
        ('file,age\n"a.jpg,3\n', ["quotation marks in line 2"]),
    ],
)
def test_where_no_row_can_be_used_the_rows_reasons_are_told(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    """A table of which nothing can be used is refused with its rows' own reasons, and with no other cause."""
    folder = touch(tmp_path / "p", "a.jpg")
    (folder / "labels.csv").write_text(text)
    with pytest.raises(SourceError) as caught:
        read_source("folder", folder)
    assert [word for word in words if word not in caught.value.sentence] == []
    assert "--source" not in caught.value.sentence


def test_unknown_columns_and_unlabelled_photos_are_told(tmp_path: Path) -> None:
    """What the table says in other columns, and photos that it does not name, are told beside the photos."""
    folder = touch(tmp_path / "p", "a.jpg", "b.jpg", "._a.jpg", ".x.jpg", "notes.txt", "Thumbs.db", "a.xmp")
    (folder / "labels.csv").write_text("file,age,sex\na.jpg,3,m\n")
    (folder / "@eaDir").mkdir()
    notes = "\n".join(read_source("folder", folder).notes)
    for words in (
        "not read: sex",
        "1 left out: photo that labels.csv does not name (b.jpg)",
        "1 left out: system file (._a.jpg)",
        "1 left out: hidden (.x.jpg)",
        "1 left out: empty file (notes.txt)",
        "2 left out: thumbnail made by a NAS or photo program (@eaDir, Thumbs.db)",
        "1 left out: settings file of a photo program (a.xmp)",
    ):
        assert words in notes


def test_labels_in_another_case_are_told(tmp_path: Path) -> None:
    """A table whose own name differs in case is named in the refusal."""
    folder = touch(tmp_path / "p", "Labels.CSV")
    with pytest.raises(SourceEmpty, match=r"Rename 'Labels\.CSV'"):
        read_source("folder", folder)


def test_labels_that_may_not_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that the account may not read is named as such."""
    folder = touch(tmp_path / "p", "labels.csv")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(LabelsUnreadable, match="Permission denied"):
        read_source("folder", folder)


def test_content_decides_in_every_reader(tmp_path: Path) -> None:
    """Photos of any ending and of none are read; a text with a UTKFace name is not."""
    folder = touch(tmp_path / "u")
    names = [
        f"2{at}_1_0_2017011617452512{at}" + end for at, end in enumerate(["", ".jfif", ".JPG", ".png.x"])
    ]
    for name in names:
        draw_face(1).save(folder / name, "JPEG")
    (folder / "29_1_0_20170116174525129.txt").write_text("no photo")
    source = read_source("utkface", folder)
    assert [photo.reference for photo in source.photos] == names
    assert source.notes == ("1 left out: no photo by its first bytes (29_1_0_20170116174525129.txt)",)
    source = photos_of_one_age("clinic", folder, 30)
    assert [photo.reference for photo in source.photos] == names


@pytest.mark.data
@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")
def test_cases_of_tables_and_endings(tmp_path: Path) -> None:
    """The cases of tables, names and endings are read whole."""
    ages = {photo.age_years for photo in read_source("folder", CASES / "decimal_comma").photos}
    assert ages == {30.5, 31.5, 32.5}
    (tmp_path / "0.jpg").touch()
    (tmp_path / "labels.csv").write_bytes((CASES / "decimal_comma" / "sep.csv").read_bytes())
    assert [photo.age_years for photo in read_source("folder", tmp_path).photos] == [30.0]
    assert [photo.reference for photo in read_source("folder", CASES / "nfd_names").photos] == ["Müller.jpg"]
    assert len(photos_of_one_age("clinic", CASES / "jfif", 30).photos) == 5


@pytest.mark.data
@pytest.mark.skipif(not UTKFACE.is_dir(), reason="../shared/data/utkface is absent")
def test_the_real_utkface_has_21332_labelled_photos() -> None:
    """21,337 files, five of them malformed."""
    source = read_source("utkface", UTKFACE)
    assert (len(source.photos), len(source.skipped)) == (21_332, 5)
