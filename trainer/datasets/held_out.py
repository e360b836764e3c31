"""Faces for evaluating a bundle: all of a source it was not trained on, else the held-out part.

The parts are those of `trainer.datasets.merge`: no person and no near-duplicate is on both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simsvc.errors import SettingsError, SourceEmpty
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData, merged
from trainer.datasets.registry import named_path
from trainer.datasets.splits import Split

DATA = Path("../shared/data")
KNOWN: Mapping[str, Path] = {
    "folder:portraits": DATA / "portraits",
    "windows:fgnet": DATA / "fgnet",
    "windows:us_congress": DATA / "us_congress",
    "windows:bundestag": DATA / "bundestag",
    "windows:uk_parliament": DATA / "uk_parliament",
    "utkface": DATA / "utkface",
}
"""Default sources and their folders in development."""
SPLITS = ("held-out", "test", "all")
"""Held-out: valid and test of a source that was learnt from. Test: only test of such a source."""
FITTING = "valid"  # a split for fitting, not for evaluation
_TAKEN: Mapping[str, tuple[Split, ...]] = {
    "held-out": ("valid", "test"),
    "test": ("test",),
    FITTING: ("valid",),
}


@dataclass(frozen=True, slots=True)
class SourcePart:
    """The faces of one source to evaluate."""

    source: str  # as given to the reader
    split: str  # "all", "valid and test" or "test"
    learnt: bool  # whether the bundle learnt from the rest of the source
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Short name for people: "fgnet" for "windows:fgnet"."""
        return short(self.source)


def short(source: str) -> str:
    """Return the name of a source without its reader."""
    return source.rpartition(":")[2]


def known_sources(values: Sequence[str] | None) -> dict[str, Path]:
    """Return folder by source of --source arguments, or of `KNOWN` as far as their folders are there.

    Raises:
        SettingsError: an argument is not of the form NAME=PATH, or two sources have one short name.
        SourceEmpty: a named folder is missing, or none of the known ones is there.
    """
    if not values:
        found = {name: path for name, path in KNOWN.items() if path.is_dir()}
        if not found:
            raise SourceEmpty(f"There is no folder {DATA} with known sources. Name some with --source.")
        return found
    sources: dict[str, Path] = {}
    for value in values:
        name, path = named_path(value)
        if short(name) in map(short, sources):
            raise SettingsError(f"Two sources are named {short(name)}. Give them different names.")
        sources[name] = path
    return sources


def parts(
    sources: Mapping[str, Path], learnt: Collection[str], split: str = "held-out", limit: int | None = None
) -> tuple[SourcePart, ...]:
    """Return the faces to evaluate of each source, in order.

    Sources that were learnt from are merged together, as they were for training: a near-duplicate in another
    source may move a face to another part. All others are merged for themselves. The split is one of
    `SPLITS`, or `FITTING`; at most `limit` faces of a source are drawn, with a fixed seed.

    Raises:
        SettingsError: a source was learnt from under another reader's name, whose parts would be others.
        SourceEmpty: nothing is left of a source.
    """
    _check_names(sources, learnt)
    mine = {name: path for name, path in sources.items() if name in learnt}
    together = merged(mine) if mine else None
    found = []
    for name, path in sources.items():
        data = together if name in learnt and together is not None else merged({name: path})
        part = _part(name, data, name in learnt, split)
        if not part.rows:
            raise SourceEmpty(f"The {part.split} part of {name} is empty. Leave the source out.")
        found.append(part if limit is None else _limited(part, limit))
    return tuple(found)


def _part(name: str, data: MergedData, learnt: bool, split: str) -> SourcePart:
    taken = _TAKEN.get(split) if learnt else None
    rows = data.rows if taken is None else data.of(*taken)
    words = " and ".join(taken) if taken else "all"
    return SourcePart(name, words, learnt, tuple(row for row in rows if row.source == name))


def _limited(part: SourcePart, limit: int) -> SourcePart:
    if len(part.rows) <= limit:
        return part
    drawn = np.sort(np.random.default_rng(0).choice(len(part.rows), limit, replace=False))
    return replace(part, rows=tuple(part.rows[at] for at in drawn))


def _check_names(sources: Iterable[str], learnt: Collection[str]) -> None:
    by_short = {short(name): name for name in learnt}
    for name in sources:
        trained = by_short.get(short(name), name)
        if trained != name:
            raise SettingsError(
                f"The model learnt from {trained}, not from {name}. Name the source {trained}: its parts "
                "depend on the name."
            )
