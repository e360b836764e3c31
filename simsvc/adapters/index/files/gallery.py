"""Faces and thumbnails of a build: columns, and JPEGs packed in one file.

Item i of the index is record i of the columns (`face_columns`), and bytes offsets[i] to offsets[i + 1] of
thumbnails.bin; the offsets are little-endian uint64 in thumbnails.idx, N + 1 of them. All files are mapped,
so workers share one copy and read only what they need.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import IO

import numpy as np

from simsvc.adapters.index.files.face_columns import read_columns, write_columns
from simsvc.adapters.index.files.mapping import mapping
from simsvc.adapters.ops.permissions import shown_path
from simsvc.errors import FaceNotFound, IndexDamaged, IndexUnreadable
from simsvc.values import LabelledFace

THUMBNAILS = "thumbnails.bin"
OFFSETS = "thumbnails.idx"


class Gallery:
    """The reference faces of a build, in item order, with memory-mapped thumbnails."""

    def __init__(self, folder: Path) -> None:
        """Open the files.

        Raises IndexDamaged if they cannot be read, or disagree; IndexTooLarge if the process cannot map them;
        IndexUnreadable if they are not readable.
        """
        try:
            with mapping(folder):
                self.faces = read_columns(folder)
                self._offsets = np.memmap(folder / OFFSETS, dtype="<u8", mode="r")
                with (folder / THUMBNAILS).open("rb") as file:
                    self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except PermissionError as error:
            raise IndexUnreadable(file=shown_path(error)) from None
        except (EOFError, KeyError, OSError, TypeError, ValueError):
            raise _damaged(folder) from None
        if len(self._offsets) != len(self.faces) + 1 or self._offsets[-1] != len(self._bytes):
            raise _damaged(folder)

    def thumbnail(self, face_id: str) -> bytes:
        """Return a face's thumbnail as JPEG bytes; raises FaceNotFound if the face is not in this build."""
        return self.thumbnail_at(self._place(face_id))

    def thumbnail_at(self, item: int) -> bytes:
        """Return the thumbnail of one item as JPEG bytes."""
        return self._bytes[int(self._offsets[item]) : int(self._offsets[item + 1])]

    def face(self, face_id: str) -> LabelledFace:
        """Return a face with its label and source; raises FaceNotFound if the face is not in this build."""
        return self.faces[self._place(face_id)]

    def has(self, face_id: str) -> bool:
        """Return whether the build has a face."""
        return self.faces.item(face_id) is not None

    def _place(self, face_id: str) -> int:
        item = self.faces.item(face_id)
        if item is None:
            raise FaceNotFound("build")
        return item


class GalleryWriter:
    """Writes faces and thumbnails incrementally."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faces: list[LabelledFace] = []
        self._offsets = [0]
        self._bytes: IO[bytes] = (folder / THUMBNAILS).open("wb")

    def add(self, face: LabelledFace, thumbnail: bytes) -> None:
        """Append one face and its JPEG."""
        self._bytes.write(thumbnail)
        self._offsets.append(self._offsets[-1] + len(thumbnail))
        self.faces.append(face)

    def finish(self) -> None:
        """Write the columns and the offsets."""
        self._bytes.close()
        np.asarray(self._offsets, dtype="<u8").tofile(self._folder / OFFSETS)
        write_columns(self._folder, self.faces)


def _damaged(folder: Path) -> IndexDamaged:
    return IndexDamaged("faces", label=folder.name)
