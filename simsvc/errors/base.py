"""The root of the error tree."""

from __future__ import annotations


class SimsvcError(Exception):
    """Root of every error raised on purpose; `str(error)` is a sentence for the person at the desk."""

    code = "error"

    @property
    def sentence(self) -> str:
        """What happened and what to do, in plain words."""
        return str(self)
