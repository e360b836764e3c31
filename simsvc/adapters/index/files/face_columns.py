"""Reference faces of a build as memory-mapped columns; face objects are created on demand.

faces.npy holds one record a face in item order, references.bin the UTF-8 references one after the other,
faces.json the names of the sources. Python objects for a million faces take some 400 MB in every worker
(`python -m tests.bench.index` measures it); these columns share 50 MB.
"""

from __future__ import annotations

import json
import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from simsvc.values import FaceFilter, FloatVector, LabelledFace

FACES = "faces.json"
RECORDS = "faces.npy"
REFERENCES = "references.bin"
COPIES = "copies.npy"
"""Group of near-identical faces by item; missing in older builds."""

ESTIMATES = "estimates.npy"
"""The model's estimates by item; see `write_estimates`. Missing in older builds."""
PERSONS = "persons.npy"
"""Digest of the person by item. Missing in older builds."""


class FaceColumns(Sequence[LabelledFace]):
    """Reference faces in item order.

    Args:
        records: one structured record per face: face_id (bytes), age_years, source, reference_end, by_id
            (item of the i-th smallest face ID).
    """

    def __init__(
        self, records: NDArray[np.void], references: bytes | mmap.mmap, names: Sequence[str]
    ) -> None:
        self._records = records
        self._ids = records["face_id"]
        self._ages_years = records["age_years"]
        self._by_id = records["by_id"]
        self._ends = records["reference_end"]
        self._references = references
        self._names = tuple(names)
        if len(records) and int(self._ends[-1]) != len(references):
            raise ValueError("references and records disagree")

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, item: int) -> LabelledFace: ...

    @overload
    def __getitem__(self, item: slice) -> Sequence[LabelledFace]: ...

    def __getitem__(self, item: int | slice) -> LabelledFace | Sequence[LabelledFace]:
        if isinstance(item, slice):
            return tuple(self._face(place) for place in range(*item.indices(len(self))))
        return self._face(range(len(self))[item])

    def __iter__(self) -> Iterator[LabelledFace]:
        return (self._face(item) for item in range(len(self)))

    @property
    def ages_years(self) -> NDArray[np.float64]:
        """The labels in item order, (N,), read-only."""
        ages: NDArray[np.float64] = self._ages_years
        return ages

    def sources_of(self, items: NDArray[np.intp]) -> set[str]:
        """Return the sources of items."""
        return {self._names[number] for number in np.unique(self._records["source"][items])}

    def label(self, item: int) -> tuple[str, float]:
        """Return the face ID and age in years of an item."""
        return self._ids[item].decode(), float(self._ages_years[item])

    def labels(self, items: Sequence[int]) -> Iterator[tuple[str, float]]:
        """Return face IDs and ages of many items at once."""
        chosen = np.asarray(items, dtype=np.intp)
        ids, ages_years = self._ids[chosen].tolist(), self._ages_years[chosen].tolist()
        return ((face_id.decode(), age_years) for face_id, age_years in zip(ids, ages_years, strict=True))

    def item(self, face_id: str) -> int | None:
        """Return the item of a face ID, or None, by binary search."""
        wanted = face_id.encode()
        place = bisect_left(self._by_id, wanted, key=lambda item: bytes(self._ids[item]))
        item = int(self._by_id[place]) if place < len(self) else -1
        return item if item >= 0 and bytes(self._ids[item]) == wanted else None

    def source_numbers(self) -> tuple[NDArray[np.intp], tuple[str, ...]]:
        """Return the number of each item's source, (N,), and the names by number."""
        return self._records["source"].astype(np.intp), self._names

    def mask(self, wanted: FaceFilter) -> NDArray[np.bool_]:
        """Return the items that match a filter, (N,), including removed faces."""
        passing = np.ones(len(self), dtype=np.bool_)
        if wanted.sources is not None:
            passing &= np.isin(self._records["source"], self._numbers(wanted.sources))
        if wanted.ages_years is not None:
            low, high = wanted.ages_years
            ages: FloatVector = self._ages_years
            passing &= (ages >= low) & (ages <= high)
        return passing

    def _numbers(self, sources: frozenset[str]) -> list[int]:
        return [number for number, name in enumerate(self._names) if name in sources]

    def _face(self, item: int) -> LabelledFace:
        face_id, age_years = self.label(item)
        start, end = int(self._ends[item - 1]) if item else 0, int(self._ends[item])
        reference = self._references[start:end].decode()
        return LabelledFace(face_id, age_years, self._names[self._records["source"][item]], reference)


def columns_of(faces: Sequence[LabelledFace]) -> FaceColumns:
    """Return faces as columns in memory."""
    names = sorted({face.source for face in faces})
    references = [face.reference.encode() for face in faces]
    return FaceColumns(_records(faces, names, references), b"".join(references), names)


def write_columns(folder: Path, faces: Sequence[LabelledFace]) -> None:
    """Write the three files, with equal bytes for equal faces."""
    names = sorted({face.source for face in faces})
    references = [face.reference.encode() for face in faces]
    np.save(folder / RECORDS, _records(faces, names, references), allow_pickle=False)
    (folder / REFERENCES).write_bytes(b"".join(references))
    document = json.dumps({"source_names": names}, separators=(",", ":"))
    (folder / FACES).write_text(document + "\n", encoding="utf-8")


def read_columns(folder: Path) -> FaceColumns:
    """Open the columns of a build; for older builds, read faces.json into memory.

    Raises EOFError, KeyError, OSError, TypeError or ValueError if they cannot be read, or disagree.
    """
    document = json.loads((folder / FACES).read_text(encoding="utf-8"))
    if "face_ids" in document:
        return columns_of(_listed(document))
    records = np.load(folder / RECORDS, mmap_mode="r", allow_pickle=False)
    return FaceColumns(np.asarray(records), mapped(folder / REFERENCES), document["source_names"])


def write_copies(folder: Path, groups: NDArray[np.int32]) -> None:
    """Write the groups of near-duplicates from `domain.gallery.near_duplicates.numbered`."""
    np.save(folder / COPIES, groups.astype("<i4"), allow_pickle=False)


def read_copies(folder: Path) -> NDArray[np.int32]:
    """Map the file of `write_copies`; raises OSError or ValueError if it cannot be read."""
    return np.asarray(np.load(folder / COPIES, mmap_mode="r", allow_pickle=False))


def write_estimates(folder: Path, estimates_years: NDArray[np.float64]) -> None:
    """Write the model's estimates of the faces, (N, 2): as they are, and corrected without the same person.

    A missing one is NaN; only faces with the second are part of the site calibration.
    """
    np.save(folder / ESTIMATES, estimates_years.astype("<f4"), allow_pickle=False)


def read_estimates(folder: Path) -> NDArray[np.float32]:
    """Map the file of `write_estimates`, float32 (N, 2); raises OSError or ValueError if unreadable."""
    return np.asarray(np.load(folder / ESTIMATES, mmap_mode="r", allow_pickle=False))


def write_persons(folder: Path, persons: Sequence[str | None]) -> None:
    """Write the digest of each face's `domain.gallery.labelled_faces.person_key`, or nothing."""
    named = np.array([(person or "").encode() for person in persons], dtype=np.bytes_)
    np.save(folder / PERSONS, named, allow_pickle=False)


def read_person_digests(folder: Path) -> NDArray[np.bytes_]:
    """Map the file of `write_persons`, bytes (N,); raises OSError or ValueError if unreadable."""
    return np.asarray(np.load(folder / PERSONS, mmap_mode="r", allow_pickle=False))


def read_persons(folder: Path) -> list[str | None]:
    """Read the file of `write_persons`; raises OSError or ValueError if it cannot be read."""
    return [person.decode() or None for person in np.load(folder / PERSONS, allow_pickle=False).tolist()]


def mapped(path: Path) -> mmap.mmap | bytes:
    """Map a file for reading; empty files, which cannot be mapped, give empty bytes."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _records(
    faces: Sequence[LabelledFace], names: Sequence[str], references: Sequence[bytes]
) -> NDArray[np.void]:
    ids = np.array([face.face_id.encode() for face in faces], dtype=np.bytes_)
    records = np.zeros(
        len(faces),
        dtype=[
            ("face_id", ids.dtype if len(faces) else "S1"),
            ("age_years", "<f8"),
            ("source", "<u2"),
            ("reference_end", "<u8"),
            ("by_id", "<u4"),
        ],
    )
    number = {name: place for place, name in enumerate(names)}
    records["face_id"] = ids
    records["age_years"] = [face.age_years for face in faces]
    records["source"] = [number[face.source] for face in faces]
    records["reference_end"] = np.cumsum([len(text) for text in references])
    records["by_id"] = np.argsort(ids, kind="stable")
    return records


def _listed(columns: dict[str, Any]) -> tuple[LabelledFace, ...]:
    names = columns["source_names"]
    rows = zip(
        columns["face_ids"], columns["ages_years"], columns["sources"], columns["references"], strict=True
    )
    return tuple(LabelledFace(face, age, names[source], reference) for face, age, source, reference in rows)
