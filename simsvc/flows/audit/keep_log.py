"""Keep the log's tree: integrate events, sign checkpoints, rotate the key, acknowledge a restore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from simsvc.domain.audit.chain import event_bytes
from simsvc.domain.audit.tree.merkle import Hashes, leaf_hash, tree_root
from simsvc.domain.audit.tree.signed_note import (
    Sign,
    VerifierKey,
    parse_note,
    parse_vkey,
    sign_note,
    verify_note,
)
from simsvc.domain.audit.tree.tiles import WIDTH, TileMissing, in_tiles
from simsvc.domain.audit.tree.tlog_checkpoint import head_text, parse_head
from simsvc.errors import (
    AuditError,
    CheckpointRefused,
    LogDiffers,
    LogKeyRefused,
    NoteRefused,
    VerifierKeyRefused,
)
from simsvc.values.audit.log import (
    KeeperStatus,
    KeptState,
    KnownHead,
    LogKey,
    Outside,
    SignedCheckpoint,
    TreeHead,
)
from simsvc.values.events import COMMAND, Event, EventKind, NewEvent

PIECE = 32 * WIDTH
"""Events that are integrated in one transaction: some 10 ms, in which SQLite's other writers wait."""
ORIGIN_DIGITS = 16
ACKNOWLEDGED = "acknowledged"
"""Name of the list of losses in the state."""
THE_DATABASE = "the newest checkpoint in the database"

Signer = tuple[VerifierKey, Sign]


class TreeBook(Protocol):
    """Stores tiles, checkpoints and public keys."""

    def size(self) -> int:
        """Return how many events the tiles hold."""

    def last_seq(self) -> int:
        """Return the number of the last event, or 0."""

    def events_after(self, seq: int, count: int) -> list[Event]:
        """Return up to `count` events with a higher number, oldest first."""

    def add_leaves(self, size: int, leaf_hashes: list[bytes]) -> bool:
        """Add leaves to a tree of `size` leaves, unless another process did."""

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile."""

    def newest(self, at_most: int | None = None) -> SignedCheckpoint | None:
        """Return the checkpoint of the largest size."""

    def checkpoint(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of a size."""

    def keep(self, checkpoint: SignedCheckpoint) -> bool:
        """Store a checkpoint, unless there is one of its size."""

    def log_keys(self) -> tuple[LogKey, ...]:
        """Return the public keys, oldest first."""

    def use_key(self, vkey: str, size: int) -> None:
        """Record that a key signs from a checkpoint on."""

    def forget_tiles(self) -> None:
        """Delete all tiles."""


class KeyHolder(Protocol):
    """Holds the private key. Every method raises LogKeyRefused."""

    @property
    def name(self) -> str:
        """Where the key is, for messages."""

    def exists(self) -> bool:
        """Return whether there is a key."""

    def read(self) -> tuple[bytes, Sign]:
        """Return public key and signer."""

    def create(self) -> None:
        """Make a key, unless there is one."""

    def prepare(self) -> tuple[bytes, Sign]:
        """Make the next key, and return it."""

    def prepared(self) -> bytes | None:
        """Return the public part of the next key, or None."""

    def replace(self, *, destroy: bool = True) -> None:
        """Use the next key, and destroy the one before, or lay it aside."""


class StateBook(Protocol):
    """Remembers the log outside the database. Every method raises LogKeyRefused."""

    @property
    def name(self) -> str:
        """Where it is, for messages."""

    def read(self) -> KeptState | None:
        """Return what is remembered."""

    def write(self, state: KeptState) -> None:
        """Remember something else."""

    def lock(self, patience_s: float = ...) -> AbstractContextManager[None]:
        """Keep other processes from signing."""


class Log(Protocol):
    """The event log."""

    def note(self, event: NewEvent) -> Event:
        """Append an event."""


@dataclass(frozen=True, slots=True)
class LogKeeper:
    """Dependencies of keeping the tree; `origin` is that of the settings, or ""."""

    tree: TreeBook
    key: KeyHolder
    state: StateBook
    log: Log
    now: Callable[[], datetime]
    origin: str = ""

    def checkpoint(self, patience_s: float | None = None) -> SignedCheckpoint:
        """Return a signed checkpoint of all events, made now unless the newest one covers them.

        Raises:
            LogKeyRefused: no key may sign, or another process signs for longer than `patience_s`.
            LogDiffers: the log is not what was signed before.
            StoreError: the database cannot be used.
        """
        self.integrate()  # the most part without the lock: after an upgrade it takes a while
        with self._lock(patience_s):
            signer, kept = self._signer()
            return self._sign(kept, [signer])

    def rotate(self, actor: str = COMMAND, *, lost: bool = False) -> SignedCheckpoint:
        """Replace the key, destroy the old one, log it, and return a checkpoint that both signed.

        With `lost`, there is no old key, and only the new one signs. Raises like `checkpoint`.
        """
        with self._lock(None):
            old, kept = (None, self._without_key()) if lost else self._signer()
            public, sign = self.key.prepare()
            kept = kept if kept.origin else replace(kept, origin=derived_origin(public))
            new = VerifierKey(kept.origin, public)
            before = kept.keys[-1].vkey if kept.keys else ""
            content = {"change": "lost" if lost else "rotated", "old": before, "new": str(new)}
            self.log.note(NewEvent(EventKind.KEY, actor, f"key:{new.key_id.hex()}", content))
            self._sign_with_next(kept, [*([old] if old else []), (new, sign)])
            self.key.replace(destroy=not lost)
            return self._newest()

    def acknowledge(self, words: str, actor: str = COMMAND) -> SignedCheckpoint:
        """Record that events were lost by a restore, in the words of a person, and sign the log as it is now.

        Raises like `checkpoint`; LogDiffers if the database contradicts itself, so that it was no restore.
        """
        with self._lock(None):
            signer, kept = self._signer()
            content = {"change": "acknowledged", "lost": words, "signed": kept.note}
            self.log.note(NewEvent(EventKind.RESTORE, actor, "log", content))
            loss = {"at": self.now().isoformat(timespec="seconds"), "lost": words, "checkpoint": kept.note}
            losses = [*kept.more.get(ACKNOWLEDGED, ()), loss]
            forgotten = replace(kept, note="", more={**kept.more, ACKNOWLEDGED: losses})
            return self._sign(forgotten, [signer])

    def verifier_key(self) -> VerifierKey:
        """Return the public key in use; raises LogKeyRefused."""
        with self._lock(None):
            return self._signer()[0][0]

    def check_key(self) -> None:
        """See that the key of this host may sign, and change nothing.

        A log that was never signed needs no key yet: the first checkpoint makes it.

        Raises:
            LogKeyRefused: the key is missing, cannot be read, or is not the one that signed last.
            StoreError: the database cannot be used.
        """
        kept = self._remembered()
        if not self._is_rotating(kept) and self._has_key(kept):
            self._fitting(kept)

    def rebuild(self) -> SignedCheckpoint:
        """Make all tiles anew from the events; raises like `checkpoint`."""
        with self._lock(None):
            self.tree.forget_tiles()
            signer, kept = self._signer()
            return self._sign(kept, [signer])

    def outside(self) -> Outside:
        """Return what is known of the log from outside the database; raises StoreError."""
        try:
            kept = self.state.read()
            if kept is None:
                return Outside()
            kept = self._with_successors(kept)
            if not kept.note:
                return Outside(kept.keys)
            note = parse_note(kept.note)
            verify_note(note, [parse_vkey(key.vkey) for key in kept.keys])
            return Outside(kept.keys, (KnownHead(self.state.name, parse_head(note.text)),))
        except LogKeyRefused as refusal:
            return Outside(problems=(refusal.sentence,))
        except (NoteRefused, CheckpointRefused, VerifierKeyRefused):
            return Outside(problems=(LogKeyRefused("state", file=self.state.name).sentence,))

    def status(self) -> KeeperStatus:
        """Return how signing goes; raises StoreError."""
        newest = self.tree.newest()
        unsigned = self.tree.last_seq() - (newest.size if newest else 0)
        return KeeperStatus(newest, max(0, unsigned))

    def integrate(self) -> int:
        """Add all events to the tree, and return its size.

        Raises LogDiffers if the last event in the tree is no longer what it was, or tiles are damaged.
        """
        while True:
            size = self.tree.size()
            events = self.tree.events_after(size - 1, PIECE + 1) if size else self.tree.events_after(0, PIECE)
            if size:
                self._check_last(size, events[:1])
                events = events[1:]
            if not events:
                return size
            leaves = _leaves(events, size + 1)
            try:
                self.tree.add_leaves(size, leaves)
            except TileMissing:
                raise LogDiffers("tiles") from None

    def _check_last(self, size: int, events: Sequence[Event]) -> None:
        if not events:
            raise LogDiffers("tail_cut", found=self.tree.last_seq(), size=size)
        try:
            signed = in_tiles(self.tree.tile)(0, size - 1, 1)
        except TileMissing:
            raise LogDiffers("tiles") from None
        if _leaves(events, size) != list(signed):
            raise LogDiffers("changed", seq=size)

    def _lock(self, patience_s: float | None) -> AbstractContextManager[None]:
        return self.state.lock() if patience_s is None else self.state.lock(patience_s)

    def _signer(self) -> tuple[Signer, KeptState]:
        kept = self._remembered()
        if self._is_rotating(kept):
            self.key.replace()
        if not self._has_key(kept):
            self.key.create()
        return self._fitting(kept)

    def _remembered(self) -> KeptState | None:
        kept = self.state.read()
        if kept is None:
            return None
        kept = self._with_successors(kept)
        self._check_origin(kept.origin)
        return kept

    def _has_key(self, kept: KeptState | None) -> bool:
        """Return whether there is a key; raises LogKeyRefused if there is none, but the log was signed."""
        if self.key.exists():
            return True
        if kept is not None or self.tree.newest() is not None:
            raise LogKeyRefused("missing", file=self.key.name)
        return False

    def _fitting(self, kept: KeptState | None) -> tuple[Signer, KeptState]:
        """Return the signer, which must be the one that signed last, and what is remembered of the log."""
        public, sign = self.key.read()
        kept = kept or self._adopted(public)
        key = VerifierKey(kept.origin, public)
        if str(key) != kept.keys[-1].vkey:
            raise LogKeyRefused("wrong", file=self.key.name, wanted=kept.keys[-1].key_id)
        return (key, sign), kept

    def _with_successors(self, kept: KeptState) -> KeptState:
        """Add keys that another host put in use: each signed a checkpoint together with the one before."""
        for key in self.tree.log_keys():
            if key.vkey in {known.vkey for known in kept.keys}:
                continue
            if not self._is_successor(kept.keys[-1], key):
                break
            ended = replace(kept.keys[-1], until_size=key.since_size)
            kept = replace(kept, keys=(*kept.keys[:-1], ended, replace(key, until_size=None)))
        return kept

    def _is_successor(self, last: LogKey, key: LogKey) -> bool:
        first = self.tree.checkpoint(key.since_size)
        if first is None:
            return False
        try:
            both = [parse_vkey(last.vkey), parse_vkey(key.vkey)]
            return set(verify_note(parse_note(first.note), both)) == set(both)
        except (NoteRefused, VerifierKeyRefused):
            return False

    def _check_origin(self, origin: str) -> None:
        if self.origin and self.origin != origin:
            raise LogKeyRefused("origin", wanted=self.origin, origin=origin)

    def _is_rotating(self, kept: KeptState | None) -> bool:
        """Return whether a rotation was interrupted after the next key had signed."""
        following = self.key.prepared() if kept is not None else None
        if kept is None or following is None:
            return False
        return str(VerifierKey(kept.origin, following)) == kept.keys[-1].vkey

    def _adopted(self, public: bytes) -> KeptState:
        """Return the state of a log of which nothing is remembered; its checkpoints must be by this key."""
        newest = self.tree.newest()
        if newest is None:
            key = VerifierKey(self.origin or derived_origin(public), public)
            return KeptState(key.name, (LogKey(str(key), 0, None),))
        try:
            note = parse_note(newest.note)
            origin = parse_head(note.text).origin
            self._check_origin(origin)
            key = VerifierKey(origin, public)
            verify_note(note, [key])
        except (NoteRefused, CheckpointRefused):
            known = self.tree.log_keys()
            raise LogKeyRefused(
                "wrong", file=self.key.name, wanted=known[-1].key_id if known else "?"
            ) from None
        stored = self.tree.log_keys()
        earlier = tuple(found for found in stored if found.vkey != str(key))
        since = earlier[-1].until_size if earlier else 0
        return KeptState(origin, (*earlier, LogKey(str(key), since or 0, None)))

    def _without_key(self) -> KeptState:
        """Return what is known of the log when its key is lost."""
        kept, newest = self.state.read(), self.tree.newest()
        if kept is not None:
            return kept
        try:
            origin = parse_head(parse_note(newest.note).text).origin if newest else self.origin
        except (NoteRefused, CheckpointRefused):
            origin = self.origin
        return KeptState(origin, self.tree.log_keys())

    def _sign_with_next(self, kept: KeptState, signers: list[Signer]) -> None:
        size = self.integrate()
        key = signers[-1][0]
        ended = tuple(replace(found, until_size=found.until_size or size) for found in kept.keys)
        self._sign(replace(kept, keys=(*ended, LogKey(str(key), size, None))), signers)

    def _sign(self, kept: KeptState, signers: Sequence[Signer]) -> SignedCheckpoint:
        """Sign the tree of all events, unless it is signed, and remember it. Only with the lock."""
        size = self.integrate()
        if not size:
            raise AuditError("empty")
        newest = self.tree.newest()
        self._check_heads(kept, newest, size)
        if newest is None or newest.size < size:
            root = self._root(size)
            note = str(sign_note(head_text(TreeHead(kept.origin, size, root)), signers))
            self.tree.keep(SignedCheckpoint(size, root, self.now(), note))
            self.tree.use_key(kept.keys[-1].vkey, size)
            newest = self._newest()
        if kept.note != newest.note:
            self._check_signed(kept, newest)
            self.state.write(replace(kept, note=newest.note))
        return newest

    def _newest(self) -> SignedCheckpoint:
        newest = self.tree.newest()
        if newest is None:
            raise AuditError("empty")
        return newest

    def _check_signed(self, kept: KeptState, newest: SignedCheckpoint) -> None:
        """See that a checkpoint, which another process may have made, is by a key of this log."""
        try:
            verify_note(parse_note(newest.note), [parse_vkey(key.vkey) for key in kept.keys])
        except (NoteRefused, VerifierKeyRefused):
            raise LogKeyRefused("wrong", file=self.key.name, wanted=kept.keys[-1].key_id) from None

    def _check_heads(self, kept: KeptState, newest: SignedCheckpoint | None, size: int) -> None:
        if newest is not None:
            self._check_head(newest.size, newest.root, size, THE_DATABASE, newest)
        if kept.note:
            head = parse_head(parse_note(kept.note).text)
            self._check_head(head.size, head.root, size, self.state.name, newest)

    def _check_head(
        self, signed: int, root: bytes, size: int, source: str, newest: SignedCheckpoint | None
    ) -> None:
        if signed <= size and self._root(signed) == root:
            return
        if newest is not None and newest.size > size:
            raise LogDiffers("tail_cut", found=size, size=newest.size)
        if self.tree.checkpoint(signed) is None:
            raise LogDiffers("rolled_back", size=signed, source=source)
        raise LogDiffers("rewritten", size=signed, source=source)

    def _root(self, size: int) -> bytes:
        try:
            return tree_root(size, self._hashes())
        except TileMissing:
            raise LogDiffers("tiles") from None

    def _hashes(self) -> Hashes:
        return in_tiles(self.tree.tile)


def derived_origin(public: bytes) -> str:
    """Return the origin of a log whose first key this is."""
    return f"simsvc/{hashlib.sha256(public).hexdigest()[:ORIGIN_DIGITS]}"


def _leaves(events: Sequence[Event], first: int) -> list[bytes]:
    """Return the leaf hashes of events, which are numbered from `first` on."""
    leaves = []
    for seq, event in enumerate(events, first):
        if event.seq != seq:
            raise LogDiffers("missing", seq=seq)
        try:
            leaves.append(leaf_hash(event_bytes(event)))
        except (ValueError, TypeError):
            raise LogDiffers("unhashable", seq=seq) from None
    return leaves
