"""Prove that events are in the log's tree, and that one tree is the beginning of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simsvc.domain.audit.chain import event_bytes
from simsvc.domain.audit.tree.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    consistency_holds,
    consistency_proof,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from simsvc.domain.audit.tree.tiles import TileMissing, in_tiles, tile_width
from simsvc.errors import LogDiffers, ProofRefused
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.events import Event


class ProofBook(Protocol):
    """Reads tiles, checkpoints and events."""

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile."""

    def newest(self, at_most: int | None = None) -> SignedCheckpoint | None:
        """Return the checkpoint of the largest size."""

    def checkpoint(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of a size."""

    def events_after(self, seq: int, count: int) -> list[Event]:
        """Return up to `count` events with a higher number, oldest first."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an event is in the tree of a checkpoint; its leaf is number `event.seq - 1`."""

    event: Event
    leaf_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class Consistency:
    """The proof that the tree of `old_size` events is the beginning of that of a checkpoint."""

    old_size: int
    old_root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: SignedCheckpoint


def signed_tree(book: ProofBook, size: int | None = None) -> SignedCheckpoint:
    """Return the checkpoint of a size, or the newest one; raises ProofRefused if there is none."""
    found = book.newest() if size is None else book.checkpoint(size)
    if found is None:
        raise ProofRefused("no_checkpoint") if size is None else ProofRefused("no_tree", size=size)
    return found


def prove_inclusion(book: ProofBook, seq: int, size: int | None = None) -> Inclusion:
    """Return the proof that an event is in the tree of a checkpoint, or of the newest one.

    Raises:
        ProofRefused: there is no such checkpoint, or it does not cover the event.
        LogDiffers: the event or the tree was changed, so that there is no proof.
    """
    checkpoint = signed_tree(book, size)
    if not 1 <= seq <= checkpoint.size:
        raise ProofRefused("not_covered", seq=seq, size=checkpoint.size)
    try:
        event = book.events_after(seq - 1, 1)[0]
        hashed = leaf_hash(event_bytes(event))
        hashes = tuple(inclusion_proof(seq - 1, checkpoint.size, in_tiles(book.tile)))
    except TileMissing:
        raise LogDiffers("tiles") from None
    except (IndexError, ValueError):
        raise LogDiffers("changed", seq=seq) from None
    if not inclusion_holds(seq - 1, checkpoint.size, hashed, hashes, checkpoint.root):
        raise LogDiffers("changed", seq=seq)
    return Inclusion(event, hashed, hashes, checkpoint)


def prove_consistency(book: ProofBook, old_size: int, size: int | None = None) -> Consistency:
    """Return the proof that a tree is the beginning of that of a checkpoint, or of the newest one.

    Raises:
        ProofRefused: there is no such checkpoint, or it is smaller.
        LogDiffers: the tree was changed, so that there is no proof.
    """
    checkpoint = signed_tree(book, size)
    if old_size > checkpoint.size:
        raise ProofRefused("order")
    hashes = in_tiles(book.tile)
    try:
        old_root = tree_root(old_size, hashes) if old_size else EMPTY_ROOT
        proof = tuple(consistency_proof(old_size, checkpoint.size, hashes))
    except TileMissing:
        raise LogDiffers("tiles") from None
    if not consistency_holds(old_size, checkpoint.size, proof, old_root, checkpoint.root):
        raise LogDiffers("tiles")
    return Consistency(old_size, old_root, proof, checkpoint)


def read_tile(book: ProofBook, level: int, number: int, width: int) -> bytes:
    """Return the first `width` hashes of a tile; raises ProofRefused if the signed tree has fewer."""
    newest = book.newest()
    if newest is None or not 0 < width <= tile_width(level, number, newest.size):
        raise ProofRefused("no_tile")
    found = book.tile(level, number)[: width * HASH_BYTES]
    if len(found) != width * HASH_BYTES:
        raise LogDiffers("tiles")
    return found
