from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.web.http.upload import LONGEST_NAME, shown_name


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("me.jpg", "me.jpg"),
        ("C:\\fakepath\\me.jpg", "me.jpg"),
        ("../../etc/passwd", "passwd"),
        ("Zoë 写真.heic", "Zoë 写真.heic"),
        ("a\x00b\r\n.jpg", "ab.jpg"),
        ("folder/", "photo"),
        ("", "photo"),
    ],
)
def test_a_file_name_is_shown_without_folders_and_control_characters(filename: str, shown: str) -> None:
    """Only the last part of a name is kept, and only what can be shown."""
    assert shown_name(filename) == shown


@given(st.text())
def test_a_shown_name_is_short_and_printable(filename: str) -> None:
    """Any text becomes a short printable name."""
    name = shown_name(filename)
    assert name.isprintable()
    assert 1 <= len(name) <= LONGEST_NAME
