"""Find files named in a table, with different Unicode forms or case."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simsvc.domain.files.file_names import canonical_name

Other = Callable[[Path], None]
"""Called for each other file or folder."""


@dataclass(frozen=True, slots=True)
class Named:
    """The files of a name, several if only Unicode forms differ, or else a file that differs in case."""

    paths: tuple[Path, ...] = ()
    other_case: str | None = None


def find_named(root: Path, names: Iterable[str], other: Other) -> dict[str, Named]:
    """Find files by relative posix paths in canonical form, reading each folder once.

    Only named files are kept in memory; `other` is called for everything else.
    """
    wanted = _Wanted()
    for name in names:
        *folders, last = name.split("/")
        place = wanted
        for folder in folders:
            place = place.folders.setdefault(folder, _Wanted())
        place.files[last] = name
    found = {name: Named() for name in wanted.names()}
    for name, path in _looked_through(wanted, [(root, "", True)], other):
        if isinstance(path, Path):
            found[name] = Named(tuple(sorted((*found[name].paths, path))))
        elif not found[name].paths:
            found[name] = Named(other_case=path)
    return found


@dataclass(frozen=True, slots=True)
class _Wanted:
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, _Wanted] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        yield from self.files.values()
        for folder in self.folders.values():
            yield from folder.names()


_Place = tuple[Path, str, bool]
"""A folder, its canonical relative path, and whether its case matches."""


def _looked_through(wanted: _Wanted, places: list[_Place], other: Other) -> Iterator[tuple[str, Path | str]]:
    """Yield every name with its file, or a path that differs only in case."""
    within: dict[str, list[_Place]] = {name: [] for name in wanted.folders}
    spelled = {name.casefold(): name for name in wanted.folders}
    missing = dict(wanted.files)
    for place, path, exact in places:
        for entry in _entries(place):
            name = canonical_name(entry.name)
            if exact and name in wanted.files and entry.is_file():
                missing.pop(name, None)
                yield wanted.files[name], Path(place, entry.name)
            elif name in within and entry.is_dir():
                within[name].append((Path(place, entry.name), f"{path}{name}/", exact))
            elif name.casefold() in spelled and entry.is_dir():
                within[spelled[name.casefold()]].append((Path(place, entry.name), f"{path}{name}/", False))
            elif exact:
                other(Path(place, entry.name))
    yield from _in_other_case(missing, places)
    for name, folder in wanted.folders.items():
        yield from _looked_through(folder, within[name], other)


def _in_other_case(missing: dict[str, str], places: list[_Place]) -> Iterator[tuple[str, str]]:
    spelled = {last.casefold(): name for last, name in missing.items()}
    for place, path, _ in places if missing else []:
        for entry in _entries(place):
            name = canonical_name(entry.name)
            if name.casefold() in spelled and entry.is_file():
                yield spelled[name.casefold()], path + name


def _entries(place: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            yield from entries
    except OSError:
        return
