"""Checkpoints and proofs for witnesses."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from simsvc.domain.audit.tree.merkle import consistency_proof, tree_root
from simsvc.domain.audit.tree.tiles import TileMissing, in_tiles
from simsvc.store.audit.log_tiles import LogCheckpointRow, LogTree
from simsvc.values.audit.log import SignedCheckpoint


class CheckpointQueue(LogTree):
    """Reads what witnesses are given. Every method raises StoreError."""

    def after(self, size: int, count: int) -> list[SignedCheckpoint]:
        """Return up to `count` checkpoints with larger trees, smallest first."""
        query = select(LogCheckpointRow).where(LogCheckpointRow.size > size)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(LogCheckpointRow.size).limit(count))
            return [SignedCheckpoint(row.size, row.root, row.at, row.note) for row in rows]

    def root(self, size: int) -> bytes | None:
        """Return the root hash of the first events, as the stored tree has it; None if it has fewer."""
        if size > self.size():
            return None
        try:
            return tree_root(size, in_tiles(self.tile))
        except TileMissing:
            return None

    def prove(self, old_size: int, size: int) -> Sequence[bytes]:
        """Return a consistency proof; raises TileMissing if the stored tree is damaged."""
        return consistency_proof(old_size, size, in_tiles(self.tile))
