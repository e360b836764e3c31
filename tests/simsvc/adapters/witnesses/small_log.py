"""A small log for tests of witnesses: leaves, a key, and checkpoints of any size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from simsvc.domain.audit.tree.merkle import Hashes, consistency_proof, in_memory, leaf_hash, tree_root
from simsvc.domain.audit.tree.signed_note import VerifierKey, parse_note, sign_note, verify_note
from simsvc.domain.audit.tree.tlog_checkpoint import head_text
from simsvc.errors import NoteRefused
from simsvc.values.audit.log import SignedCheckpoint, TreeHead
from tests.witness_servers import raw_public

START = datetime(2026, 5, 4, 9, tzinfo=UTC)


class SmallLog:
    """A log in memory, with the checkpoints that were made of it."""

    origin = "simsvc/0123456789abcdef"

    def __init__(self, *leaves: str) -> None:
        self.leaves = list(leaves)
        self.made: list[SignedCheckpoint] = []
        self._private = Ed25519PrivateKey.generate()
        self.key = VerifierKey(self.origin, raw_public(self._private))

    def grow(self, size: int, name: str = "event") -> SignedCheckpoint:
        """Add events up to a size, and make a checkpoint."""
        self.leaves += [f"{name} {number}" for number in range(len(self.leaves), size)]
        return self.sign()

    def sign(self) -> SignedCheckpoint:
        """Make a checkpoint of the log as it is."""
        size = len(self.leaves)
        root = tree_root(size, self._hashes())
        text = head_text(TreeHead(self.origin, size, root))
        note = sign_note(text, [(self.key, self._private.sign)])
        self.made.append(SignedCheckpoint(size, root, START + timedelta(minutes=len(self.made)), str(note)))
        return self.made[-1]

    def after(self, size: int, count: int) -> Sequence[SignedCheckpoint]:
        return [one for one in self.made if one.size > size][:count]

    def latest(self) -> SignedCheckpoint | None:
        return self.made[-1] if self.made else None

    def root(self, size: int) -> bytes | None:
        return tree_root(size, self._hashes()) if size <= len(self.leaves) else None

    def prove(self, old_size: int, size: int) -> Sequence[bytes]:
        return consistency_proof(old_size, size, self._hashes())

    def is_ours(self, note: str) -> bool:
        try:
            return bool(verify_note(parse_note(note), [self.key]))
        except NoteRefused:
            return False

    def _hashes(self) -> Hashes:
        return in_memory([leaf_hash(leaf.encode()) for leaf in self.leaves])
