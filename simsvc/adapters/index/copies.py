"""Find faces of the same photo in a build: candidates from the forest, confirmed by pixels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import annoy

from simsvc.adapters.index.files.gallery import Gallery
from simsvc.domain.gallery.importing.same_photo import (
    EQUAL_DISTANCE,
    FARTHEST_COPIES,
    Look,
    miniature_of_jpeg,
)
from simsvc.domain.gallery.near_duplicates import joined

NEAREST = 9
"""Candidates per face: itself and eight. Chains of copies are joined."""
CANDIDATES = 1_000
"""Nodes inspected per face: few, because near-identical vectors share leaves."""
KEPT = 20_000
"""Cached miniatures: 32 MB."""


def find_copies(forest: annoy.AnnoyIndex, gallery: Gallery) -> list[list[int]]:
    """Return all items in groups of the same photo, ascending."""
    return joined(forest.get_n_items(), _pairs(forest, gallery))


def _pairs(forest: annoy.AnnoyIndex, gallery: Gallery) -> Iterator[tuple[int, int]]:
    picture = lru_cache(KEPT)(lambda item: miniature_of_jpeg(gallery.thumbnail_at(item)))
    for item in range(forest.get_n_items()):
        look: Look | None = None
        others, distances = forest.get_nns_by_item(item, NEAREST, CANDIDATES, True)
        for other, distance in zip(others, distances, strict=True):
            if other == item or distance > FARTHEST_COPIES:
                continue
            if distance > EQUAL_DISTANCE:
                look = look or Look(picture(item))
                if not look.same_photo(picture(other)):
                    continue
            yield item, other
