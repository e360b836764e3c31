"""The audit log as a Merkle tree: heads, checkpoints and keys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The tree over the first `size` events of a log, by its root hash.

    Attributes:
        origin: identifies the log, such as "simsvc/0123456789abcdef".
        size: number of leaves; leaf i, from 0, is event i + 1.
        root: root hash, 32 bytes.
    """

    origin: str
    size: int
    root: bytes
