"""Errors for files that the service account cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.errors import BundleUnreadable, IndexUnreadable


def index_unreadable(error: PermissionError) -> IndexUnreadable:
    """Return what tells of a file or folder of the index that may not be read."""
    return IndexUnreadable(file=_named(error))


def bundle_unreadable(error: PermissionError) -> BundleUnreadable:
    """Return what tells of a file or folder of a model or of the detector that may not be read."""
    return BundleUnreadable(file=_named(error))


@contextmanager
def reading_index() -> Iterator[None]:
    """Raise IndexUnreadable if a file of the index may not be read."""
    try:
        yield
    except PermissionError as error:
        raise index_unreadable(error) from None


@contextmanager
def reading_bundle() -> Iterator[None]:
    """Raise BundleUnreadable if a file of a model may not be read."""
    try:
        yield
    except PermissionError as error:
        raise bundle_unreadable(error) from None


def _named(error: PermissionError) -> str:
    path = Path(str(error.filename or "a file"))
    return "/".join(path.parts[-2:]) if path.is_absolute() else str(path)
