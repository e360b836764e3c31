"""Merkle trees: root hashes, inclusion proofs and consistency proofs.

Source: RFC 9162, section 2.1 (the hashing of RFC 6962, section 2.1, with SHA-256).

A tree is read through a function of (level, first, count), which returns the hashes of `count` complete
subtrees of 2^level leaves each, from subtree number `first` on. Roots and proofs read a number of them that
grows with the logarithm of the tree's size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

Hashes = Callable[[int, int, int], Sequence[bytes]]
"""Returns the hashes of complete subtrees: (level, first, count)."""

HASH_BYTES = hashlib.sha256().digest_size
EMPTY_ROOT = hashlib.sha256().digest()
"""Root hash of a tree without leaves."""
_LEAF, _NODE = b"\0", b"\1"


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(_NODE + left + right).digest()


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes one level up; a last one without a partner is left out."""
    return [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=False)]


def in_memory(leaf_hashes: Sequence[bytes]) -> Hashes:
    """Return what reads the tree over these leaf hashes."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        levels.append(parents(levels[-1]))
    return lambda level, first, count: levels[level][first : first + count]


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root hash of the tree over these leaf hashes."""
    frontier = Frontier()
    for hashed in leaf_hashes:
        frontier.append(hashed)
    return frontier.root()


def tree_root(size: int, hashes: Hashes) -> bytes:
    """Return the root hash of the first `size` leaves."""
    return _range_root(0, size, hashes) if size else EMPTY_ROOT


class Frontier:
    """The complete subtrees at the right edge of a growing tree: enough to append leaves and return roots."""

    def __init__(self, size: int = 0, hashes: Hashes | None = None) -> None:
        """Begin with an empty tree, or with the first `size` leaves of another one."""
        self.size = size
        edges = [] if hashes is None else [hashes(level, first, 1)[0] for level, first in _complete(0, size)]
        self._edges = edges

    def append(self, hashed: bytes) -> None:
        """Add the hash of the next leaf."""
        filled = self.size
        while filled & 1:
            hashed = node_hash(self._edges.pop(), hashed)
            filled >>= 1
        self._edges.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """Return the root hash of the tree so far."""
        return _fold(self._edges) if self._edges else EMPTY_ROOT


def inclusion_proof(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """Return the proof that leaf `index`, counted from 0, is in the tree of the first `size` leaves.

    Source: RFC 9162, section 2.1.3.1.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    begin, end, siblings = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((begin, middle))
            begin = middle
    return [_range_root(*sibling, hashes) for sibling in reversed(siblings)]


def consistency_proof(old_size: int, size: int, hashes: Hashes) -> list[bytes]:
    """Return the proof that the tree of the first `old_size` leaves is the beginning of that of `size`.

    It is empty if the old tree is empty or both are the same. Source: RFC 9162, section 2.1.4.1.

    Raises:
        ValueError: the old tree is the larger one.
    """
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {old_size} leaves is not the beginning of one of {size}")
    if old_size in {0, size}:
        return []
    begin, end, ranges = 0, size, []
    while old_size != end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin > 0:
        ranges.append((begin, end))
    return [_range_root(*found, hashes) for found in reversed(ranges)]


def inclusion_holds(index: int, size: int, hashed: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof shows that a leaf with this hash is leaf `index` of the tree with this root.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes(hashed, root, *proof):
        return False
    place, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            hashed = node_hash(sibling, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and hashed == root


def consistency_holds(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Return whether a proof shows that the tree with the old root is the beginning of that with the new one.

    Source: RFC 9162, section 2.1.4.2; an empty tree is the beginning of every tree.
    """
    if not 0 <= old_size <= size or not _are_hashes(old_root, root, *proof):
        return False
    if old_size in {0, size}:
        expected = EMPTY_ROOT if old_size == 0 else root
        return not proof and old_root == expected and (size > 0 or root == EMPTY_ROOT)
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        return False
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _are_hashes(*found: bytes) -> bool:
    """Return whether all have a hash's length; others could be cut elsewhere and give the same node."""
    return all(len(hashed) == HASH_BYTES for hashed in found)


def _split(count: int) -> int:
    """Return the largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _complete(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, number) of the largest complete subtrees that make up a range, left to right.

    `begin` is a multiple of the largest one's size.
    """
    while begin < end:
        level = (end - begin).bit_length() - 1
        yield level, begin >> level
        begin += 1 << level


def _range_root(begin: int, end: int, hashes: Hashes) -> bytes:
    return _fold([hashes(level, number, 1)[0] for level, number in _complete(begin, end)])


def _fold(edges: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees of falling size."""
    hashed = edges[-1]
    for left in reversed(edges[:-1]):
        hashed = node_hash(left, hashed)
    return hashed
