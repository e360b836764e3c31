"""Copy files into an object store, and compare what is there with them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsvc.errors import AdoptionRefused
from simsvc.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What became of folders or files, by name: copied by this run, or the same before."""

    new: tuple[str, ...] = ()
    there: tuple[str, ...] = ()

    def __add__(self, other: Mirrored) -> Mirrored:
        """Return both together."""
        return Mirrored((*self.new, *other.new), (*self.there, *other.there))


def mirror(objects: ObjectStore, prefix: str, folder: Path, files: Sequence[str], scratch: Path) -> Mirrored:
    """Copy files of a folder in this order, unless the same are there; return the folder's name.

    Each object is read back into the folder `scratch` and compared, also one that was there.

    Raises:
        AdoptionRefused: an object differs from its file after it was written.
        ObjectsUnavailable: the store does not answer, or refuses.
    """
    sizes = {stored.key: stored.size_bytes for stored in objects.keys(prefix)}
    copied = False
    with tempfile.TemporaryDirectory(prefix=".reading-back-", dir=scratch) as beside:
        for file in files:
            path, key, back = folder / file, f"{prefix}/{file}", Path(beside, "object")
            wanted = _sha256(path)
            if sizes.get(key) == path.stat().st_size and _fetched(objects, key, back) == wanted:
                continue
            objects.put_file(key, path)
            copied = True
            if _fetched(objects, key, back) != wanted:
                raise AdoptionRefused("unlike", what=key)
    name = prefix.partition("/")[2]
    return Mirrored(new=(name,)) if copied else Mirrored(there=(name,))


def _fetched(objects: ObjectStore, key: str, to: Path) -> str:
    """Return the SHA-256 of an object."""
    objects.fetch(key, to)
    found = _sha256(to)
    to.unlink()
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
