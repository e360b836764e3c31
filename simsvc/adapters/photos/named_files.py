"""Files that a table names, wherever a disk writes a name otherwise than the table does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simsvc.domain.files.file_names import canonical_name

Other = Callable[[Path], None]
"""Told of each file or folder that is not named, in folders that names lead to."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a name leads to.

    Attributes:
        paths: of files; none where there is none, several where their names differ only in normal form.
        other_case: where there is none, the file whose path differs from the name only in case.
    """

    paths: tuple[Path, ...] = ()
    other_case: str | None = None


def find_named(root: Path, names: Iterable[str], other: Other) -> dict[str, Named]:
    """Find the files under a folder that a table names; each folder that it names is looked through once.

    Only what the table names is held in memory, whatever else lies there.

    Args:
        root: of the names.
        names: relative posix paths in canonical form.
        other: told of everything else.
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
    """What is named in a folder: files by the last part of their name, and folders."""

    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, _Wanted] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        yield from self.files.values()
        for folder in self.folders.values():
            yield from folder.names()


_Place = tuple[Path, str, bool]
"""A folder on the disk, its relative path in canonical form, and whether it is named so, case and all."""


def _looked_through(wanted: _Wanted, places: list[_Place], other: Other) -> Iterator[tuple[str, Path | str]]:
    """Yield every name with a file of that name, or with the path of one that differs only in case."""
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
