"""Find faces of the same photo in a build: candidates from its engine, confirmed by pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from simsvc.adapters.index.files.gallery import Gallery
from simsvc.domain.gallery.importing.same_photo import (
    EQUAL_DISTANCE,
    FARTHEST_COPIES,
    Look,
    miniature_of_jpeg,
)
from simsvc.domain.gallery.near_duplicates import joined

Near = tuple[int, Sequence[int], Sequence[float]]
"""An item, its nearest items, perhaps with itself, and their distances."""
KEPT = 20_000
"""Cached miniatures: 32 MB."""


def find_copies(count: int, near: Iterable[Near], gallery: Gallery) -> list[list[int]]:
    """Return all of `count` items in groups of the same photo, ascending; an item may come several times."""
    return joined(count, _pairs(near, gallery))


def _pairs(near: Iterable[Near], gallery: Gallery) -> Iterator[tuple[int, int]]:
    picture = lru_cache(KEPT)(lambda item: miniature_of_jpeg(gallery.thumbnail_at(item)))
    for item, others, distances in near:
        look: Look | None = None
        for other, distance in zip(others, distances, strict=True):
            if other == item or distance > FARTHEST_COPIES:
                continue
            if distance > EQUAL_DISTANCE:
                look = look or Look(picture(item))
                if not look.same_photo(picture(other)):
                    continue
            yield item, other
