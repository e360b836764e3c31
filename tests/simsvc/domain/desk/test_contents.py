"""What a file of a batch is."""

import pytest

from simsvc.domain.desk.contents import LEFT_OUT, sort_of

JPEG = b"\xff\xd8\xff\xe0"


@pytest.mark.parametrize(
    ("path", "head", "sort"),
    [
        ("a.jpg", JPEG, "photo"),
        ("a.jfif", JPEG, "photo"),
        ("a", JPEG, "photo"),
        ("a.txt", JPEG, "photo"),
        ("cases.csv", JPEG, "photo"),
        ("a.bin", b"\x89PNG\r\n\x1a\n", "photo"),
        ("a", b"RIFF\x10\0\0\0WEBP", "photo"),
        ("a", b"\0\0\0\x18ftypheic", "photo"),
        ("a", b"\0\0\0\x18ftypavif", "photo"),
        ("a", b"\0\0\0\x18ftypcrx ", "photo"),
        ("a", b"\xff\x0a", "photo"),
        ("a", b"%PDF-1.4", "photo"),
        ("a.CR2", b"", "photo"),
        ("a.jpg", b"text", "photo"),
        ("._a.jpg", JPEG, "metadata"),
        ("@eaDir/a.jpg", JPEG, "thumbnail"),
        ("a.xmp", JPEG, "sidecar"),
        ("x/cases.csv", b"anything", "table"),
        ("cases.txt", b"file\tcase\n", "table"),
        ("notes.txt", b"see the file", "not_a_photo"),
        ("a.mov", b"\0\0\0\x14ftypqt  ", "not_a_photo"),
        ("a", b"", "not_a_photo"),
        ("a", b"RIFF\x10\0\0\0AVI ", "not_a_photo"),
    ],
)
def test_content_decides(path: str, head: bytes, sort: str) -> None:
    """Pictures by their first bytes; where those say nothing, a picture's ending gets it a row."""
    assert sort_of(path, head) == sort
    assert sort in {"photo", "table", *LEFT_OUT}
