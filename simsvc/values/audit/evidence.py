"""What evidence about records holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simsvc.values.answers import RecordedEstimate
from simsvc.values.audit.log import LogKey, SignedCheckpoint
from simsvc.values.desk import Decision
from simsvc.values.events import LoggedEvent


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """A record with its decisions, oldest first, and the PNG of its crop, if any."""

    recorded: RecordedEstimate
    decisions: tuple[Decision, ...]
    crop: bytes | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the database says about records at one instant.

    Attributes:
        record_ids: of all records, erased ones included, in order.
        records: those that are not erased.
        events: those about them, with what explains them, oldest first.
    """

    record_ids: tuple[str, ...]
    records: tuple[EvidenceRecord, ...]
    events: tuple[LoggedEvent, ...]


@dataclass(frozen=True, slots=True)
class ProvedEvent:
    """An event with its inclusion proof, from the leaf's sibling up."""

    logged: LoggedEvent
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvedLog:
    """A part of the log.

    Attributes:
        note: the signed checkpoint to which the proofs lead.
        keys: every key that ever signed, oldest first.
        rotations: the checkpoints that two keys signed, one after the other.
        witnessed: an earlier checkpoint with signatures of witnesses, if the other has none.
        consistency: proof that the checkpoint contains that one.
    """

    note: str
    keys: tuple[LogKey, ...]
    rotations: tuple[SignedCheckpoint, ...]
    events: tuple[ProvedEvent, ...]
    witnessed: SignedCheckpoint | None = None
    consistency: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What is known of an index build: its manifest's digest, and its model, size and sources."""

    label: str
    manifest_sha256: str
    model_sha256: str
    faces: int
    sources: tuple[str, ...]
    created_at: str


Files = Mapping[str, bytes]
"""Files of the evidence by their names in the ZIP."""
