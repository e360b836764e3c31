"""What a look at the installation found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the installation.

    Attributes:
        part: such as "model", "index", "database", "disk".
        well: whether it can be used.
        sentence: how it stands; where it is not well, what to do.
    """

    part: str
    well: bool
    sentence: str
