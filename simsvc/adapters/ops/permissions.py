"""Files that are there and whole, and that the account of this process may not read."""

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
    """Tell files of the index that may not be read from damaged ones; raises IndexUnreadable."""
    try:
        yield
    except PermissionError as error:
        raise index_unreadable(error) from None


@contextmanager
def reading_bundle() -> Iterator[None]:
    """Tell files of a model that may not be read from damaged ones; raises BundleUnreadable."""
    try:
        yield
    except PermissionError as error:
        raise bundle_unreadable(error) from None


def _named(error: PermissionError) -> str:
    """Return the end of the path that an error is about: pages show it, and nothing more of the machine."""
    path = Path(str(error.filename or "a file"))
    return "/".join(path.parts[-2:]) if path.is_absolute() else str(path)
