"""The one merge: every command that needs rows or splits takes them from here."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainer.datasets import face_copies, near_duplicates, registry, splits
from trainer.datasets.formats.rows import Row
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.datasets.splits import Split

CACHE: Final = Path("work/data")
"""Where near-duplicates are kept between calls, relative to the working directory."""
_CACHE_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class MergedData:
    """Rows of one or several sources, ordered by (source, reference), with splits that belong together."""

    rows: tuple[Row, ...]  # N photos that can be read
    split: NDArray[np.str_]  # (N,): "train", "valid" or "test"
    groups: NDArray[np.int64]  # (N,): the leader's position; near-duplicates and one person's photos share it
    pairs: DuplicatePairs  # near-duplicates, as positions in `rows`
    problems: tuple[tuple[str, str, str], ...]  # (source, reference, why): a bad label or a missing file
    unreadable: tuple[tuple[str, str, str], ...]  # likewise, of what cannot be decoded

    def of(self, *wanted: Split) -> tuple[Row, ...]:
        """Return the rows of the named splits, in order."""
        return tuple(row for row, name in zip(self.rows, self.split, strict=True) if name in wanted)


def merged(sources: Mapping[str, Path], cache: Path | None = CACHE) -> MergedData:
    """Read and merge sources, find near-duplicates, which the cache keeps, and unreadable files, and split.

    Between sources one photo is also found by its face, however each source frames it.

    Raises:
        SourceUnknown, SourceEmpty, LabelsUnreadable: see `registry.read`.
    """
    listings = {source: registry.read(source, path) for source, path in sorted(sources.items())}
    every = (row for listing in listings.values() for row in listing.rows)
    listed = sorted(every, key=lambda row: (row.source, row.reference))
    pairs, unreadable = _scan(listed, cache)
    rows, pairs = _readable(listed, pairs, unreadable)
    groups = splits.group(rows, zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    return MergedData(
        rows,
        splits.assign(rows, groups),
        groups,
        pairs,
        tuple((source, *problem) for source, listing in listings.items() for problem in listing.problems),
        tuple((listed[at].source, listed[at].reference, why) for at, why in sorted(unreadable.items())),
    )


def _readable(
    listed: list[Row], pairs: DuplicatePairs, unreadable: Mapping[int, str]
) -> tuple[tuple[Row, ...], DuplicatePairs]:
    kept = np.array([at not in unreadable for at in range(len(listed))], dtype=bool)
    position = np.cumsum(kept) - 1
    rows = tuple(row for row, keep in zip(listed, kept, strict=True) if keep)
    return rows, DuplicatePairs(position[pairs.first], position[pairs.second], pairs.similarity)


def _scan(rows: list[Row], cache: Path | None) -> tuple[DuplicatePairs, dict[int, str]]:
    """Return near-duplicates and unreadable photos by position, from the cache where it holds them."""
    kept = None if cache is None else cache / f"near-duplicates-{_digest(rows)}.npz"
    if kept is not None and kept.is_file():
        try:
            return _load(kept)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            kept.unlink()  # damaged: it is only a cache
    signatures = near_duplicates.signatures([row.path for row in rows])
    pairs = near_duplicates.find_pairs(signatures.thumbnails)
    if _several_sources(rows):
        faces = _faces(rows, cache)
        pairs = near_duplicates.joined(pairs, face_copies.across(faces, [row.source for row in rows]))
    if kept is not None:
        _save(kept, pairs, signatures.unreadable)
    return pairs, signatures.unreadable


def _several_sources(rows: list[Row]) -> bool:
    return len({row.source for row in rows}) > 1


def _faces(rows: list[Row], cache: Path | None) -> face_copies.Faces:
    """Return the faces of photos; those of each source are kept, whichever sources it is merged with."""
    found = []
    for source in dict.fromkeys(row.source for row in rows):
        mine = [row for row in rows if row.source == source]
        path = None if cache is None else cache / f"faces-{_named([_CACHE_VERSION], mine)}.npz"
        faces = None if path is None else face_copies.read(path)
        if faces is None:
            faces = face_copies.faces_of([row.path for row in mine])
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                face_copies.write(faces, path)
        found.append(faces)
    return face_copies.together(found)


def _digest(rows: list[Row]) -> str:
    """Return 16 hex digits that change with any name or file size and with the method."""
    method = [_CACHE_VERSION, near_duplicates.MIN_SIMILARITY, near_duplicates.MIN_COARSE_SIMILARITY]
    method += [face_copies.SAME_PERSON, face_copies.MIN_SIMILARITY] if _several_sources(rows) else []
    return _named(method, rows)


def _named(method: Sequence[float], rows: list[Row]) -> str:
    digest = hashlib.sha256(json.dumps(method).encode())
    for row in rows:
        digest.update(json.dumps([row.source, row.reference, row.path.stat().st_size]).encode())
    return digest.hexdigest()[:16]


def _save(path: Path, pairs: DuplicatePairs, unreadable: Mapping[int, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    reasons = np.array(json.dumps({str(at): why for at, why in unreadable.items()}))
    np.savez(partial, first=pairs.first, second=pairs.second, similarity=pairs.similarity, unreadable=reasons)
    partial.replace(path)


def _load(path: Path) -> tuple[DuplicatePairs, dict[int, str]]:
    with np.load(path, allow_pickle=False) as kept:
        pairs = DuplicatePairs(kept["first"], kept["second"], kept["similarity"])
        reasons = json.loads(str(kept["unreadable"]))
    return pairs, {int(at): str(why) for at, why in reasons.items()}
