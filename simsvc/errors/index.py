"""The index cannot be used."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class IndexUnusable(SimsvcError):
    """The similarity index cannot be used."""

    code = "index_error"


class IndexMissing(IndexUnusable):
    """There is no index in service."""

    code = "index_missing"


class IndexDamaged(IndexUnusable):
    """The build's files and its manifest disagree."""

    code = "index_damaged"


class IndexUnreadable(IndexUnusable):
    """The account of this process may not read a file of the index."""

    code = "index_unreadable"


class IndexModelMismatch(IndexUnusable):
    """The index was built with another model than the one in service."""

    code = "index_model_mismatch"


class BuildNotFound(IndexUnusable):
    """No build of that name lies in the index folder."""

    code = "build_not_found"


class BuildRunning(IndexUnusable):
    """Another index build is at work in the same folder."""

    code = "build_running"


class IndexUnwritable(IndexUnusable):
    """The index folder cannot be written to."""

    code = "index_unwritable"


class IndexTooLarge(IndexUnusable):
    """The process may not map the build's files, or has no memory to make them."""

    code = "index_too_large"


class IndexEngineUnfit(IndexUnusable):
    """The index library was compiled for another processor."""

    code = "index_engine_unfit"
