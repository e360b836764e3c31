"""Stable splits: by hash, stratified by age within each source, never parting a group.

A face's hash is sha256 of "source/reference": the same on every machine, in every order of reading. Inside a
stratum (one source, five years of age) the faces are ranked by one half of their hash and cut at 80 and 90
percent. Faces that must stay together (near-duplicates, one person) form a group, which goes where its member
with the smallest other half of the hash would go alone; the halves are independent, so that large groups do
not gather in one split. Strata know nothing of other sources, so adding a source moves only groups it joins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.formats.rows import Row

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
CUTS = (0.8, 0.9)  # shares of the faces below which the splits train and valid end
BIN_YEARS = 5  # width of an age stratum
PERSON_SCOPES = {"imdb": "imdb-wiki", "wiki": "imdb-wiki"}
"""Sources whose persons have the same names; elsewhere a name says nothing outside its own source."""


def digests(rows: Sequence[Row]) -> list[bytes]:
    """Return sha256 of "source/reference" of each row."""
    return [hashlib.sha256(f"{row.source}/{row.reference}".encode()).digest() for row in rows]


def group(rows: Sequence[Row], pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Return int64 (N,): the position of the leader of each row's group, the member with the smallest hash.

    Near-duplicates are given as pairs of positions; rows of one person are joined here.
    """
    hashes = digests(rows)
    leader = list(range(len(rows)))

    def find(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    for left, right in (*pairs, *_same_person(rows)):
        ends = sorted((find(left), find(right)), key=hashes.__getitem__)
        leader[ends[1]] = ends[0]
    return np.array([find(at) for at in range(len(rows))], dtype=np.int64)


def assign(rows: Sequence[Row], leaders: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return str (N,): the split of each row, which is that of its group's leader (N,)."""
    hashes = digests(rows)
    strata: dict[tuple[str, int], list[int]] = {}
    for at, row in enumerate(rows):
        strata.setdefault((row.source, int(row.age_years // BIN_YEARS)), []).append(at)
    alone = np.empty(len(rows), dtype="<U5")
    for stratum, members in strata.items():
        members.sort(key=lambda at: (hashes[at][16:], hashes[at]))
        shares = (np.arange(len(members)) + _offset(stratum)) / len(members)
        alone[members] = np.array(SPLITS)[np.searchsorted(CUTS, shares, side="right")]
    return alone[leaders]


def _same_person(rows: Sequence[Row]) -> Iterable[tuple[int, int]]:
    seen: dict[tuple[str, str], int] = {}
    for at, row in enumerate(rows):
        if row.person is not None:
            scope = PERSON_SCOPES.get(row.source.partition(":")[0], row.source)
            yield seen.setdefault((scope, row.person), at), at


def _offset(stratum: tuple[str, int]) -> float:
    """Return 0..1, fixed for the stratum: without it small strata would all be cut at the same ranks."""
    digest = hashlib.sha256(f"{stratum[0]}/{stratum[1]}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
