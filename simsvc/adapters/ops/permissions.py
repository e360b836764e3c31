"""Errors for files that the service account cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.errors import BundleUnreadable, IndexUnreadable


@contextmanager
def reading(unreadable: type[IndexUnreadable | BundleUnreadable]) -> Iterator[None]:
    """Raise this error if a file or folder may not be read."""
    try:
        yield
    except PermissionError as error:
        raise unreadable(file=shown_path(error)) from None


def shown_path(error: PermissionError) -> str:
    """Return the end of the path that may not be read."""
    path = Path(str(error.filename or "a file"))
    return "/".join(path.parts[-2:]) if path.is_absolute() else str(path)
