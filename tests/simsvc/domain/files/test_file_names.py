"""Names of files: how they are compared, and which are never photos."""

import unicodedata

import pytest

from simsvc.domain.files.file_names import (
    UNWANTED,
    canonical_name,
    canonical_path,
    last_part,
    unwanted,
)


@pytest.mark.parametrize("name", ["Müller.jpg", "Nguyễn.jpg", "가나다.jpg", "が.jpg", "Å.jpg"])
def test_decomposed_names_are_composed(name: str) -> None:
    """A name as macOS hands it out equals the name as it is typed."""
    assert canonical_name(unicodedata.normalize("NFD", name)) == canonical_name(name)


def test_case_is_kept() -> None:
    """Names that differ in case stay different."""
    assert canonical_name("A.JPG") == "A.JPG"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("anna\\1.jpg", "anna/1.jpg"),
        ("./anna//1.jpg", "anna/1.jpg"),
        (" anna / 1.jpg ", "anna/1.jpg"),
        ("Mu\u0308ller/1.jpg", "Müller/1.jpg"),
        ("1.jpg", "1.jpg"),
    ],
)
def test_paths_have_one_form(text: str, path: str) -> None:
    """Separators of both kinds, empty parts and decomposed letters make no difference."""
    assert canonical_path(text) == path


def test_last_part() -> None:
    """The last part of a path is its file's name, whatever separates the parts."""
    assert [last_part(path) for path in ("a/b.jpg", "a\\b.jpg", "b.jpg")] == ["b.jpg"] * 3


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("__MACOSX/anna/._1.jpg", "metadata"),
        ("anna/__MACOSX/1.jpg", "metadata"),
        ("anna/._1.jpg", "metadata"),
        (".DS_Store", "metadata"),
        ("anna\\desktop.ini", "metadata"),
        ("Thumbs.db", "thumbnail"),
        ("THUMBS.DB", "thumbnail"),
        ("anna/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg", "thumbnail"),
        (".@__thumb/default1.jpg", "thumbnail"),
        ("anna/.thumbnails/normal/1.png", "thumbnail"),
        ("MVI_0001.THM", "thumbnail"),
        ("#recycle/1.jpg", "deleted"),
        ("@Recycle/1.jpg", "deleted"),
        ("$RECYCLE.BIN/S-1-5/1.jpg", "deleted"),
        (".Trash-1000/files/1.jpg", "deleted"),
        ("#snapshot/1.jpg", "deleted"),
        ("1.xmp", "sidecar"),
        ("IMG_0001.AAE", "sidecar"),
        (".picasa.ini", "sidecar"),
    ],
)
def test_names_that_are_never_photos(path: str, why: str) -> None:
    """What systems and photo programs put beside photos is told by name, with the reason."""
    assert unwanted(path) == why
    assert why in UNWANTED


@pytest.mark.parametrize(
    "path",
    ["1.jpg", "1", "1.jfif", ".hidden.jpg", "recycle/1.jpg", "macosx.jpg", "_1.jpg", "xmp.jpg", "x.xmp.jpg"],
)
def test_other_names_may_be_photos(path: str) -> None:
    """A name says nothing else: what a file is, its content decides."""
    assert unwanted(path) is None
