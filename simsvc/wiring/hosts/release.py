"""Which release of simsvc this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from simsvc.store import migrate


@cache
def installed_version() -> str:
    """Return the version of simsvc, or "unknown" where it is not installed."""
    try:
        return version("simsvc")
    except PackageNotFoundError:  # not installed
        return "unknown"


@cache
def newest_revision() -> str:
    """Return the newest revision of the database that this version knows."""
    return migrate.newest()
