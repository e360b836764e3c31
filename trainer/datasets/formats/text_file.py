"""Label files as text."""

from __future__ import annotations

from pathlib import Path

from simsvc.errors import LabelsUnreadable

MAX_LABEL_BYTES = 200_000_000  # a million rows of 200 characters: larger files are not label tables


def read_text(path: Path) -> str:
    """Read a label file as UTF-8 (with or without byte order mark).

    Raises:
        LabelsUnreadable: it cannot be opened, is too large or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LabelsUnreadable(f"{path.name} is not UTF-8 text. Save it as CSV UTF-8.") from None


def read_bytes(path: Path) -> bytes:
    """Read a label file.

    Raises:
        LabelsUnreadable: it cannot be opened or is too large.
    """
    try:
        if path.stat().st_size > MAX_LABEL_BYTES:
            raise LabelsUnreadable(
                f"{path.name} has more than {MAX_LABEL_BYTES / 1e6:.0f} MB: no label table."
            )
        return path.read_bytes()
    except OSError as error:
        raise LabelsUnreadable(f"{path.name} cannot be read: {error.strerror}. Check the file.") from None
