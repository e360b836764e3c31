"""The index cannot be used."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class IndexError_(SimsvcError):  # noqa: N801 - `IndexError` is Python's own
    """The similarity index cannot be used."""

    code = "index_error"


class IndexMissing(IndexError_):
    """There is no index in service."""

    code = "index_missing"


class IndexDamaged(IndexError_):
    """The build's files and its manifest disagree."""

    code = "index_damaged"


class IndexUnreadable(IndexError_):
    """The account of this process may not read a file of the index."""

    code = "index_unreadable"


class IndexModelMismatch(IndexError_):
    """The index was built with another model than the one in service."""

    code = "index_model_mismatch"


class BuildNotFound(IndexError_):
    """No build of that name lies in the index folder."""

    code = "build_not_found"


class BuildRunning(IndexError_):
    """Another index build is at work in the same folder."""

    code = "build_running"


class IndexUnwritable(IndexError_):
    """The index folder cannot be written to."""

    code = "index_unwritable"


class IndexTooLarge(IndexError_):
    """The process may not map the build's files, or has no memory to make them."""

    code = "index_too_large"


class IndexEngineUnfit(IndexError_):
    """The index library was compiled for another processor."""

    code = "index_engine_unfit"
