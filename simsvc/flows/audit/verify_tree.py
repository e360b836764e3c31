"""Verify the log's tree: tiles, signed checkpoints, and what is known from outside the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from simsvc.domain.audit.chain import event_bytes
from simsvc.domain.audit.tree.merkle import HASH_BYTES, Frontier, leaf_hash, tree_root
from simsvc.domain.audit.tree.signed_note import VerifierKey, parse_note, parse_vkey, verify_note
from simsvc.domain.audit.tree.tiles import (
    HEIGHT,
    TILE_BYTES,
    WIDTH,
    TileMissing,
    in_tiles,
    split,
    tile_root,
    tile_width,
)
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import CheckpointRefused, LogDiffers, NoteRefused, VerifierKeyRefused
from simsvc.values.audit.log import KnownHead, LogKey, Outside, StoredCheckpoint
from simsvc.values.events import Break, Event


class TreeSnapshot(Protocol):
    """The stored tree at the instant at which the events are read, whatever is stored."""

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile."""

    def tree_size(self) -> int:
        """Return how many events the tiles hold."""

    def newest_checkpoint(self) -> StoredCheckpoint | None:
        """Return the checkpoint of the largest size."""

    def checkpoints(self, from_size: int = 0) -> Iterator[StoredCheckpoint]:
        """Yield the checkpoints from a size on, smallest first."""

    def log_keys(self) -> tuple[LogKey, ...]:
        """Return the public keys, oldest first."""


class TreeWalk:
    """Makes the tree anew, event by event, and compares it with what is stored and what is known."""

    def __init__(self, snapshot: TreeSnapshot, outside: Outside, size: int = 0) -> None:
        """Begin with the first event, or after a tree of `size` events, whose tiles are believed."""
        self.found: list[Break] = []
        self._snapshot, self._outside, self._begin = snapshot, outside, size
        self._frontier = Frontier(size, in_tiles(snapshot.tile)) if size else Frontier()
        self._edges = _edges(snapshot, size)
        self._differs = False
        self._signatures = _Signatures(outside.keys or snapshot.log_keys())
        self._heads = sorted(outside.heads, key=lambda known: known.head.size)
        self._checkpoints = snapshot.checkpoints(size)
        self._next = next(self._checkpoints, None)
        self._largest = 0
        self._matching = self._differing = False
        self._stored_size = snapshot.tree_size()
        self._pass_heads()

    def see(self, event: Event) -> None:
        """Take in the next event."""
        try:
            hashed = leaf_hash(event_bytes(event))
        except ValueError:  # the chain is broken there, too
            hashed = leaf_hash(b"")
        self._frontier.append(hashed)
        self._fill(0, hashed)
        if self._is_awaited(self._frontier.size):
            self._pass_heads()

    def check_last(self, event: Event) -> None:
        """Check that the last event of the tree that was begun with is the one that it was made with."""
        edge = self._edges[0][1][-HASH_BYTES:] or self._snapshot.tile(0, self._begin // WIDTH - 1)
        try:
            fits = leaf_hash(event_bytes(event)) == edge[-HASH_BYTES:]
        except ValueError:
            fits = False
        if not fits:
            sentence = LogDiffers("changed", seq=event.seq).sentence
            self.found.append(Break(event.seq, event.subject, "rewritten", sentence))

    def problems(self) -> Iterator[Break]:
        """Return what was found, after the last event."""
        self._check_edges()
        while self._next is not None:
            self._check_stored(self._next)
            self._next = next(self._checkpoints, None)
        if self._stored_size < min(self._largest, self._frontier.size):
            self._note_once("tiles", self._stored_size, LogDiffers("tiles").sentence)
        for known in self._heads:
            self._check_beyond(known)
        for sentence in self._outside.problems:
            self.found.append(Break(None, "log", "state_differs", sentence))
        yield from self.found
        yield from self._outside.found

    def _is_awaited(self, size: int) -> bool:
        awaited = self._next is not None and self._next.size <= size
        return awaited or (bool(self._heads) and self._heads[0].head.size <= size)

    def _pass_heads(self) -> None:
        """Compare the checkpoints and heads of the size that is reached, and of smaller ones."""
        size = self._frontier.size
        while self._next is not None and self._next.size <= size:
            self._check_stored(self._next)
            self._next = next(self._checkpoints, None)
        while self._heads and self._heads[0].head.size <= size:
            self._check_known(self._heads.pop(0))

    def _check_stored(self, stored: StoredCheckpoint) -> None:
        """Check a checkpoint in the database: its signature, and its root if the tree reaches so far."""
        size = stored.size
        self._largest = max(self._largest, size)
        sentence = self._signatures.fault(stored)
        if sentence:
            self.found.append(Break(size, f"checkpoint:{size}", "signature", sentence))
        if size > self._frontier.size:
            refusal = LogDiffers("tail_cut", found=self._frontier.size, size=size)
            self._note_once("tail_cut", size, refusal.sentence)
        elif self._root(size) != stored.root:
            refusal = LogDiffers("rewritten", size=size, source=f"the checkpoint of {size} events")
            self._note_once("rewritten", size, refusal.sentence)
            self._differing = True
        else:
            self._matching = True

    def _check_known(self, known: KnownHead) -> None:
        size, source = known.head.size, known.source
        if self._root(size) == known.head.root:
            return
        if self._matching and not self._differing and self._largest < size:
            refusal = LogDiffers("rolled_back", size=size, source=source)
        else:
            refusal = LogDiffers("rewritten", size=size, source=source)
        self.found.append(Break(size, source, str(refusal.reason), refusal.sentence))

    def _check_beyond(self, known: KnownHead) -> None:
        """Note that the log is shorter than it is known to have been."""
        size, found = known.head.size, self._frontier.size
        if self._largest > found:
            sentence = LogDiffers("tail_cut", found=found, size=size).sentence
            self._note_once("tail_cut", size, sentence)
        else:
            sentence = LogDiffers("rolled_back", size=size, source=known.source).sentence
            self.found.append(Break(size, known.source, "rolled_back", sentence))

    def _note_once(self, code: str, seq: int, sentence: str) -> None:
        """Note the first problem of a kind that all later checkpoints have, too."""
        if not any(broken.code == code for broken in self.found):
            self.found.append(Break(seq, "log", code, sentence))

    def _root(self, size: int) -> bytes:
        if size == self._frontier.size:
            return self._frontier.root()
        try:
            return tree_root(size, in_tiles(self._snapshot.tile))
        except TileMissing:
            return b""

    def _fill(self, level: int, hashed: bytes) -> None:
        """Add a hash to the tile at the edge of a level; compare the tile once it is full."""
        if level == len(self._edges):
            self._edges.append((0, bytearray()))
        number, edge = self._edges[level]
        edge += hashed
        if len(edge) == TILE_BYTES:
            self._compare(level, number, bytes(edge))
            self._edges[level] = (number + 1, bytearray())
            self._fill(level + 1, tile_root(bytes(edge)))

    def _check_edges(self) -> None:
        """Compare the tiles that are not full, and look for tiles that should not be there."""
        for level, (number, edge) in enumerate(self._edges):
            self._compare(level, number, bytes(edge))
        size = self._frontier.size
        if self._stored_size > size:
            sentence = LogDiffers("tail_cut", found=size, size=self._stored_size).sentence
            self._note_once("tail_cut", size, sentence)

    def _compare(self, level: int, number: int, made: bytes) -> None:
        """Note the first tile that is not what was made, as far as the stored tree reaches."""
        made = made[: tile_width(level, number, self._stored_size) * HASH_BYTES]
        stored = self._snapshot.tile(level, number)
        if stored[: len(made)] == made or self._differs:
            return
        self._differs = True
        pairs = zip(split(made), split(stored), strict=False)
        place = next((place for place, (one, other) in enumerate(pairs) if one != other), None)
        if level or place is None:
            self._note_once("tiles", number * WIDTH << (HEIGHT * level), LogDiffers("tiles").sentence)
            return
        seq = number * WIDTH + place + 1
        self.found.append(Break(seq, "log", "rewritten", LogDiffers("changed", seq=seq).sentence))


def last_signed(snapshot: TreeSnapshot, outside: Outside) -> int:
    """Return the size of the newest checkpoint if it is signed by the log and tiles reach so far, or 0."""
    newest = snapshot.newest_checkpoint()
    if newest is None or snapshot.tree_size() < newest.size:
        return 0
    signed = not _Signatures(outside.keys or snapshot.log_keys()).fault(newest)
    try:
        tree_root(newest.size, in_tiles(snapshot.tile))
    except TileMissing:
        return 0
    return newest.size if signed else 0


class _Signatures:
    """Checks the signatures of stored checkpoints."""

    def __init__(self, keys: Iterable[LogKey]) -> None:
        self._keys: list[tuple[LogKey, VerifierKey]] = []
        for key in keys:
            try:
                self._keys.append((key, parse_vkey(key.vkey)))
            except VerifierKeyRefused:
                continue

    def fault(self, stored: StoredCheckpoint) -> str:
        """Return a sentence on why a checkpoint is not one of this log, or ""."""
        try:
            note = parse_note(stored.note)
            head = parse_head(note.text)
            verified = verify_note(note, self._in_use(stored.size))
        except (NoteRefused, CheckpointRefused) as refusal:
            return f"The checkpoint of {stored.size} events is not signed by this log: {refusal.sentence}"
        signed = (head.size, head.root) == (stored.size, stored.root)
        if not signed or not all(key.name == head.origin for key in verified):
            return f"The checkpoint of {stored.size} events is not what its signed note says."
        return ""

    def _in_use(self, size: int) -> list[VerifierKey]:
        return [
            key
            for used, key in self._keys
            if used.since_size <= size and (used.until_size is None or size <= used.until_size)
        ]


def _edges(snapshot: TreeSnapshot, size: int) -> list[tuple[int, bytearray]]:
    """Return number and hashes of the tile at the edge of each level of a stored tree."""
    edges, level, count = [], 0, size
    while count:
        number, filled = divmod(count, WIDTH)
        stored = snapshot.tile(level, number)[: filled * HASH_BYTES] if filled else b""
        edges.append((number, bytearray(stored)))
        level, count = level + 1, count >> HEIGHT
    return edges
