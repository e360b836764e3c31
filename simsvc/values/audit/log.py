"""The audit log as a Merkle tree: heads, checkpoints and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simsvc.values.events import Break


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


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A stored checkpoint.

    Attributes:
        size: number of events that it covers.
        root: root hash, 32 bytes.
        at: when it was made, UTC, by the clock of the machine.
        note: signed note (c2sp.org/tlog-checkpoint).
    """

    size: int
    root: bytes
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it is stored, for verification; root and note are empty if they are not readable."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class LogKey:
    """A public key of the log.

    Attributes:
        vkey: verifier key (c2sp.org/signed-note).
        since_size: size of the first checkpoint that it signed.
        until_size: size of the last one; None while it is in use.
    """

    vkey: str
    since_size: int
    until_size: int | None

    @property
    def key_id(self) -> str:
        """Key id in hex."""
        return self.vkey.split("+")[1]


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A tree head that is known from outside the database.

    Attributes:
        source: where it is known from, for messages: "the file log-state.json" or a witness.
    """

    source: str
    head: TreeHead


@dataclass(frozen=True, slots=True)
class KeptState:
    """What is remembered of the log outside the database.

    Attributes:
        origin: of the log; the name of its keys.
        keys: every key that ever signed, oldest first; the last one is in use.
        note: the last signed checkpoint, or "" before the first.
        more: what others remember there, by name, ready for JSON.
    """

    origin: str
    keys: tuple[LogKey, ...]
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a verification knows from outside the database.

    Attributes:
        keys: that may have signed; without any, those in the database are believed.
        heads: tree heads that the log must contain.
        problems: sentences on what should be known and cannot be read.
        found: problems of the log that are known already, such as those that a witness names.
    """

    keys: tuple[LogKey, ...] = ()
    heads: tuple[KnownHead, ...] = ()
    problems: tuple[str, ...] = ()
    found: tuple[Break, ...] = ()


NOTHING_OUTSIDE = Outside()


@dataclass(frozen=True, slots=True)
class KeeperStatus:
    """How signing goes, for `/readyz`.

    Attributes:
        checkpoint: the newest one.
        unsigned: number of events after it.
    """

    checkpoint: SignedCheckpoint | None
    unsigned: int
