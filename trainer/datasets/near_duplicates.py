"""Near-duplicates by what the photos show: copies, re-encodings, other brightness or colour, mirrored copies.

A photo's signature is its thumbnail of 32 x 32 grey levels; two photos are near-duplicates where the
gradients of their signatures correlate by `MIN_SIMILARITY` or more, upright or mirrored. Gradients rather
than grey levels, because aligned faces share their broad shading: on UTKFace plain grey needs a threshold of
0.94 to 0.96 to tell copies from look-alikes, with hardly a gap between the two.

How the threshold was chosen: on the 21,332 photos of UTKFace at hand the number of pairs by similarity falls
steeply to 0.74 (805 pairs in 0.66..0.68, 166 in 0.70..0.72, 24 in 0.74..0.76) and stays flat at 6 to 20 per
step of 0.02 from there to 0.92, where exact copies begin. By eye, pairs of 0.74..0.76 are mostly two people
of like pose and light, those above 0.78 are nearly all copies, and the copies lost below it are shifted or
turned against each other: trying shifts of up to 2 pixels would add some 20. It gives 965 pairs, 31 of them
mirrored only, whose labels differ by 3.8 years on average, a quarter by more than 5.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from simsvc.domain.photo.decode import decode
from simsvc.errors import PhotoError

SIDE_PX = 32
COARSE_PX = 16  # side at which candidates are sought: a quarter of the arithmetic
MIN_SIMILARITY = 0.78
"""Smallest correlation of the gradients of near-duplicates, at SIDE_PX; the module says why."""
MIN_COARSE_SIMILARITY = 0.80
"""Smallest correlation at COARSE_PX of a candidate: of the 966 pairs that comparing all at SIDE_PX finds in
UTKFace this loses one."""
BLOCK_CELLS = 20_000_000  # correlations held in memory at once: 80 MB
BLOCK_PAIRS = 8192  # candidates confirmed at once: 65 MB of gradients


@dataclass(frozen=True, slots=True, eq=False)
class Signatures:
    """Thumbnails of photos, and which photos cannot be read."""

    thumbnails: NDArray[np.uint8]  # (N, 32, 32), grey; black where the photo cannot be read
    unreadable: dict[int, str]  # why, by position


@dataclass(frozen=True, slots=True, eq=False)
class DuplicatePairs:
    """Pairs of near-duplicates, in ascending order of (first, second)."""

    first: NDArray[np.int64]  # (P,), positions
    second: NDArray[np.int64]  # (P,), positions, each larger than `first`
    similarity: NDArray[np.float32]  # (P,), MIN_SIMILARITY..1


def signatures(paths: Sequence[Path]) -> Signatures:
    """Decode every photo, as the service does, into its signature."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(tqdm(pool.map(_thumbnail, paths), "photos read", len(paths), unit=" photos", delay=2))
    thumbnails = np.zeros((len(paths), SIDE_PX, SIDE_PX), np.uint8)
    unreadable: dict[int, str] = {}
    for at, thumbnail in enumerate(found):
        if isinstance(thumbnail, str):
            unreadable[at] = thumbnail
        else:
            thumbnails[at] = thumbnail
    return Signatures(thumbnails, unreadable)


def find_pairs(thumbnails: NDArray[np.uint8]) -> DuplicatePairs:
    """Compare every thumbnail, (N, 32, 32), with every other, upright and mirrored; flat ones match none."""
    first, second = _candidates(thumbnails)
    similarity = np.zeros(len(first), np.float32)
    for start in range(0, len(first), BLOCK_PAIRS):
        block = slice(start, start + BLOCK_PAIRS)
        left, right = thumbnails[first[block]], thumbnails[second[block]]
        similarity[block] = np.maximum(_correlation(left, right), _correlation(left, right[:, :, ::-1]))
    kept = similarity >= MIN_SIMILARITY
    return DuplicatePairs(first[kept], second[kept], similarity[kept])


def joined(one: DuplicatePairs, other: DuplicatePairs) -> DuplicatePairs:
    """Return the pairs of both, each once and in order, with the larger similarity."""
    first = np.concatenate([one.first, other.first])
    second = np.concatenate([one.second, other.second])
    ends, at = np.unique(np.stack([first, second], axis=1), axis=0, return_inverse=True)
    similarity = np.zeros(len(ends), np.float32)
    np.maximum.at(similarity, at.ravel(), np.concatenate([one.similarity, other.similarity]))
    return DuplicatePairs(ends[:, 0], ends[:, 1], similarity)


def _thumbnail(path: Path) -> NDArray[np.uint8] | str:
    """Return uint8 (32, 32), or the sentence that says why the photo cannot be read."""
    try:
        photo = decode(path.read_bytes())
    except PhotoError as error:
        return error.sentence
    except OSError as error:
        return f"The file cannot be opened: {error.strerror}."
    grey = Image.fromarray(photo.rgb).convert("L")
    return np.asarray(grey.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))


def _candidates(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return positions (i, j), i < j, each pair once and in order, of what correlates at COARSE_PX."""
    coarse = _box(thumbnails)
    upright, mirrored = gradients(coarse), gradients(coarse[:, :, ::-1])
    block = max(1, BLOCK_CELLS // max(1, len(coarse)))
    found: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
    for start in tqdm(range(0, len(coarse), block), "photos compared", unit=" blocks", delay=2):
        rows = upright[start : start + block]
        alike = np.maximum(rows @ upright[start:].T, rows @ mirrored[start:].T) >= MIN_COARSE_SIMILARITY
        pairs = np.argwhere(alike) + start
        found.append(pairs[pairs[:, 1] > pairs[:, 0]])
    both = np.concatenate(found)
    return both[:, 0], both[:, 1]


def _box(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (N, 16, 16): means of 2 x 2."""
    step = SIDE_PX // COARSE_PX
    cells = thumbnails.reshape(len(thumbnails), COARSE_PX, step, COARSE_PX, step)
    means: NDArray[np.float32] = cells.mean(axis=(2, 4), dtype=np.float32)
    return means


def gradients(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, D) of unit length for (N, S, S): differences to the right and below; 0 where flat."""
    edges = pictures.shape[1] * (pictures.shape[1] - 1)
    both = np.concatenate([np.diff(pictures, axis=at).reshape(len(pictures), edges) for at in (2, 1)], axis=1)
    unit: NDArray[np.float32] = both / np.linalg.norm(both, axis=1, keepdims=True).clip(np.float32(1e-6))
    return unit


def _correlation(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (P,): the cosine of the gradients of each of P pairs."""
    products = gradients(left.astype(np.float32)) * gradients(right.astype(np.float32))
    similarity: NDArray[np.float32] = products.sum(axis=1)
    return similarity
