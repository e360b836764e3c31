"""The nodes of the log's tree in tiles of up to 256 hashes, eight levels of the tree in each.

A tile of level L holds consecutive hashes of complete subtrees of 256^L leaves; the levels between are
computed.
Source: https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simsvc.domain.audit.tree.merkle import HASH_BYTES, Hashes, parents

HEIGHT = 8
WIDTH = 1 << HEIGHT
TILE_BYTES = WIDTH * HASH_BYTES

Tiles = Callable[[int, int], bytes]
"""Returns the hashes of a tile, one behind the other: (level, number); fewer than 256 at the right edge."""
TileKey = tuple[int, int]
"""Level and number of a tile."""


class TileMissing(LookupError):
    """A tile, or a part of one, that the tree must have is not there."""


def tile_width(level: int, number: int, size: int) -> int:
    """Return how many hashes a tile has in a tree of `size` leaves; 0 if the tree has no such tile."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - number * WIDTH))


def tile_keys(size: int) -> list[TileKey]:
    """Return the tiles of a tree of `size` leaves, lowest level first."""
    keys, level, count = [], 0, size
    while count:
        keys += [(level, number) for number in range(-(-count // WIDTH))]
        level, count = level + 1, count >> HEIGHT
    return keys


def in_tiles(tiles: Tiles) -> Hashes:
    """Return what reads a tree from its tiles; each tile is fetched once.

    The reader raises TileMissing where a tile is too short.
    """
    fetched: dict[TileKey, bytes] = {}

    def node(level: int, number: int) -> bytes:
        tile_level, above = divmod(level, HEIGHT)
        first, count = number << above, 1 << above
        key = (tile_level, first // WIDTH)
        if key not in fetched:
            fetched[key] = tiles(*key)
        begin = first % WIDTH * HASH_BYTES
        part = fetched[key][begin : begin + count * HASH_BYTES]
        if len(part) != count * HASH_BYTES:
            raise TileMissing(f"tile {key[1]} of level {key[0]} has too few hashes")
        return tile_root(part)

    return lambda level, first, count: [node(level, number) for number in range(first, first + count)]


def grown(size: int, leaf_hashes: Sequence[bytes], tiles: Tiles) -> dict[TileKey, bytes]:
    """Return the tiles that are new or changed when leaves are added to a tree of `size` leaves.

    Raises:
        TileMissing: a tile at the edge of the tree is not there.
    """
    changed: dict[TileKey, bytes] = {}
    level, count, fresh = 0, size, list(leaf_hashes)
    while fresh:
        number, filled = divmod(count, WIDTH)
        edge = tiles(level, number)[: filled * HASH_BYTES] if filled else b""
        if len(edge) != filled * HASH_BYTES:
            raise TileMissing(f"tile {number} of level {level} has too few hashes")
        data, complete = edge + b"".join(fresh), []
        for begin in range(0, len(data), TILE_BYTES):
            part = changed[level, number + begin // TILE_BYTES] = data[begin : begin + TILE_BYTES]
            if len(part) == TILE_BYTES:
                complete.append(tile_root(part))
        level, count, fresh = level + 1, count >> HEIGHT, complete
    return changed


def tile_root(tile: bytes) -> bytes:
    """Return the hash of the subtree over the hashes of a tile, or of an aligned half or quarter of one."""
    found = split(tile)
    while len(found) > 1:
        found = parents(found)
    return found[0]


def split(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [tile[begin : begin + HASH_BYTES] for begin in range(0, len(tile), HASH_BYTES)]
