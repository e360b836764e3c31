"""Errors for files that the service account cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.errors import BundleUnreadable, IndexUnreadable


def index_unreadable(error: PermissionError) -> IndexUnreadable:
    """Return the error for an unreadable file of the index."""
    return IndexUnreadable(
        f"The service's account may not read {_named(error)} of the index. "
        "Make that account the owner of the index folder and of all in it (`chown -R`), and try again."
    )


def bundle_unreadable(error: PermissionError) -> BundleUnreadable:
    """Return the error for an unreadable file of a model or the detector."""
    return BundleUnreadable(
        f"The service's account may not read {_named(error)} of the model. "
        "Make that account the owner of the model's folder and of all in it (`chown -R`), and try again."
    )


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
    """Return the end of an error's path, for display."""
    path = Path(str(error.filename or "a file"))
    return "/".join(path.parts[-2:]) if path.is_absolute() else str(path)
