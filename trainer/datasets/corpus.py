"""Merged, split and packed data sets, as every later command wants them."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.errors import SourceEmpty
from trainer.datasets.formats import unlabelled
from trainer.datasets.formats.unlabelled import is_unlabelled
from trainer.datasets.merge import MergedData, merged
from trainer.datasets.pack import Pack, open_pack
from trainer.datasets.registry import named_path

PACKS = Path("work/packs")
DEFAULT_SOURCES = {"utkface": Path("../shared/data/utkface")}
"""Where development keeps the data; anyone else names their own with --source."""


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Rows, splits and packed crops that belong together."""

    data: MergedData
    pack: Pack  # crops in the order of `data.rows`
    unlabelled: Pack | None = None  # crops of faces without ages

    @property
    def ages_years(self) -> NDArray[np.float32]:
        """Labels, float32 (N,)."""
        return np.array([row.age_years for row in self.data.rows], dtype=np.float32)

    def positions(self, split: str) -> NDArray[np.int64]:
        """Return the positions of a split's readable rows."""
        return np.flatnonzero((self.data.split == split) & self.pack.readable)


def cores() -> int:
    """Return how many cores this process may use; containers and taskset allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def add_source_argument(parser: argparse.ArgumentParser) -> None:
    """Add --source NAME=PATH, repeatable."""
    text = "a data set and its folder; repeatable (default: utkface=../shared/data/utkface)"
    parser.add_argument("--source", action="append", metavar="NAME=PATH", help=text)


def parse_sources(values: list[str] | None) -> dict[str, Path]:
    """Return folder by source name.

    Raises:
        SettingsError: not of the form NAME=PATH.
        SourceEmpty: no such folder.
    """
    sources = dict(map(named_path, values)) if values else dict(DEFAULT_SOURCES)
    for name, folder in sources.items():
        if not folder.is_dir():
            raise SourceEmpty(f"There is no folder {folder} for the source {name}; name it with --source.")
    return sources


def open_corpus(sources: dict[str, Path]) -> Corpus:
    """Merge, split and pack; everything costly is kept under `work/` and used again."""
    data = merged({name: path for name, path in sources.items() if not is_unlabelled(name)})
    faces = [
        row for name in sorted(sources) if is_unlabelled(name) for row in unlabelled.read(sources[name], name)
    ]
    return Corpus(data, open_pack(data.rows, PACKS), open_pack(faces, PACKS) if faces else None)
