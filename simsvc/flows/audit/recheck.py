"""Hash the files in service again and again, a little at a time, to find those that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsvc.domain.gallery.manifest import Fingerprint


@dataclass(frozen=True, slots=True)
class Watched:
    """Files in service.

    Attributes:
        part: "index" or "model".
        of: label of the build, or SHA-256 of model.json.
        files: fingerprints by name, as the manifest or model.json says.
    """

    part: str
    of: str
    folder: Path
    files: Mapping[str, Fingerprint]


def unfinished(watched: Sequence[Watched], done: Sequence[str]) -> list[tuple[Watched, str]]:
    """Return the files that a pass has still to hash, in order; `done` are those of `file_key`."""
    every = [(one, name) for one in watched for name in sorted(one.files)]
    return [(one, name) for one, name in every if file_key(one, name) not in set(done)]


def file_key(watched: Watched, name: str) -> str:
    """Return the name of a file in a pass."""
    return f"{watched.part}:{watched.of}:{name}"


def changed(
    watched: Sequence[Watched],
    done: Sequence[str],
    hashed: Callable[[Path], Fingerprint],
) -> Iterator[tuple[Watched, str, bool]]:
    """Hash the unfinished files of a pass one by one, and yield each with whether it changed.

    A file that cannot be read has changed.
    """
    for one, name in unfinished(watched, done):
        try:
            found: Fingerprint | None = hashed(one.folder / name)
        except OSError:
            found = None
        yield one, name, found != one.files[name]
