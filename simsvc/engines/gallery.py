"""Faces and thumbnails of a build, beside its embeddings: plain JSON columns, and JPEGs packed in one file.

Item i of the index is entry i of every column of faces.json, and bytes offsets[i] to offsets[i + 1] of
thumbnails.bin; the offsets are little-endian uint64 in thumbnails.idx, N + 1 of them.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from simsvc.errors import FaceNotFound, IndexDamaged
from simsvc.values import LabelledFace

FACES = "faces.json"
THUMBNAILS = "thumbnails.bin"
OFFSETS = "thumbnails.idx"


class Gallery:
    """The labelled faces of one build, in item order, with their thumbnails memory-mapped."""

    def __init__(self, folder: Path) -> None:
        """Open the three files.

        Raises:
            IndexDamaged: they cannot be read, or disagree.
        """
        try:
            self.faces = _read_faces(folder / FACES)
            self._offsets = np.fromfile(folder / OFFSETS, dtype="<u8").astype(np.int64).tolist()
            with (folder / THUMBNAILS).open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (KeyError, OSError, TypeError, ValueError):
            raise _damaged(folder) from None
        self._item = {face.face_id: item for item, face in enumerate(self.faces)}
        if len(self._offsets) != len(self.faces) + 1 or self._offsets[-1] != len(self._bytes):
            raise _damaged(folder)

    def thumbnail(self, face_id: str) -> bytes:
        """Return a face's thumbnail as JPEG bytes.

        Raises:
            FaceNotFound: no such face in this build.
        """
        item = self._place(face_id)
        return self._bytes[self._offsets[item] : self._offsets[item + 1]]

    def face(self, face_id: str) -> LabelledFace:
        """Return a face with its label and source.

        Raises:
            FaceNotFound: no such face in this build.
        """
        return self.faces[self._place(face_id)]

    def has(self, face_id: str) -> bool:
        """Say whether the build holds a face of that id."""
        return face_id in self._item

    def _place(self, face_id: str) -> int:
        item = self._item.get(face_id)
        if item is None:
            raise FaceNotFound(
                "This index build holds no face of that id. Take an id from an estimate's list."
            )
        return item


class GalleryWriter:
    """Writes faces and thumbnails as they come; memory holds no pixels."""

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
        text = json.dumps(_columns(self.faces), separators=(",", ":"))
        (self._folder / FACES).write_text(text + "\n", encoding="utf-8")


def _columns(faces: Sequence[LabelledFace]) -> dict[str, list[Any]]:
    names = sorted({face.source for face in faces})
    return {
        "source_names": names,
        "sources": [names.index(face.source) for face in faces],
        "face_ids": [face.face_id for face in faces],
        "ages_years": [face.age_years for face in faces],
        "references": [face.reference for face in faces],
    }


def _read_faces(path: Path) -> tuple[LabelledFace, ...]:
    columns = json.loads(path.read_text(encoding="utf-8"))
    names = columns["source_names"]
    rows = zip(
        columns["face_ids"], columns["ages_years"], columns["sources"], columns["references"], strict=True
    )
    return tuple(LabelledFace(face, age, names[source], reference) for face, age, source, reference in rows)


def _damaged(folder: Path) -> IndexDamaged:
    return IndexDamaged(
        f"The faces of the index build {folder.name} cannot be read. "
        "Build the index again: `flask index build`."
    )
