from __future__ import annotations

import random

import pytest

from simsvc.domain.audit.tree.merkle import (
    consistency_proof,
    in_memory,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from simsvc.domain.audit.tree.tiles import TileKey, TileMissing, grown, in_tiles, tile_keys, tile_width

LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def tiled(size: int, steps: int = 1) -> dict[TileKey, bytes]:
    tiles: dict[TileKey, bytes] = {}

    def tile(*key: int) -> bytes:
        level, number = key
        return tiles.get((level, number), b"")

    for step in range(steps):
        begin, end = size * step // steps, size * (step + 1) // steps
        tiles.update(grown(begin, LEAVES[begin:end], tile))
    return tiles


def test_tiles_are_those_of_the_specification() -> None:
    """The specification's example of 70,000 leaves, and a tree of exactly one tile."""
    widths = {key: tile_width(*key, 70_000) for key in tile_keys(70_000)}

    assert [key for key in widths if key[0] == 0] == [(0, number) for number in range(274)]
    assert (widths[0, 272], widths[0, 273], widths[1, 0], widths[1, 1], widths[2, 0]) == (
        256,
        112,
        256,
        17,
        1,
    )
    assert max(widths) == (2, 0)
    assert {key: len(tile) // 32 for key, tile in tiled(70_000).items()} == widths
    assert {key: tile_width(*key, 256) for key in tile_keys(256)} == {(0, 0): 256, (1, 0): 1}
    assert tile_keys(0) == []
    assert tile_width(0, 1, 256) == tile_width(3, 0, 256) == 0


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 65_535, 65_536, 65_537])
def test_a_tree_that_grows_in_steps_has_the_same_tiles(size: int) -> None:
    assert tiled(size, 7) == tiled(size)


def test_roots_and_proofs_are_read_from_tiles() -> None:
    memory, tiles = in_memory(LEAVES), tiled(70_000)
    drawn = random.Random(22)  # noqa: S311 - no secret
    for size in (1, 256, 257, 69_999, 70_000, *(drawn.randrange(1, 70_000) for _ in range(30))):
        index = drawn.randrange(size)
        fetched: list[TileKey] = []

        def fetch(level: int, number: int, fetched: list[TileKey] = fetched) -> bytes:
            fetched.append((level, number))
            return tiles[level, number]

        assert tree_root(size, in_tiles(fetch)) == tree_root(size, memory)
        assert inclusion_proof(index, size, in_tiles(fetch)) == inclusion_proof(index, size, memory)
        old = index + 1
        assert consistency_proof(old, size, in_tiles(fetch)) == consistency_proof(old, size, memory)
        assert len(fetched) <= 3 * 6


def test_a_missing_tile_is_named() -> None:
    tiles = tiled(300)
    tiles[0, 1] = tiles[0, 1][:-1]

    with pytest.raises(TileMissing, match="tile 1 of level 0"):
        tree_root(300, in_tiles(lambda *key: tiles.get(key, b"")))
    with pytest.raises(TileMissing, match="tile 1 of level 0"):
        grown(300, LEAVES[300:301], lambda *key: tiles.get(key, b""))
