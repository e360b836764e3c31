"""What evidence about records holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simsvc.values.answers import RecordedEstimate
from simsvc.values.audit.log import LogKey, SignedCheckpoint
from simsvc.values.desk import Decision
from simsvc.values.events import LoggedEvent

Facts = Mapping[str, Any]
"""Facts of a row, ready for JSON, by name."""


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
class FilesInService:
    """What is known of the files of the index build or of the model in service.

    Attributes:
        checked: "now" if each was hashed for this evidence; "background" if they are so large that this is
            what the background re-hashing found last.
        count: number of files that the manifest, or model.json, lists.
        size_bytes: of all of them together, as listed.
        changed: names of those that are not as listed.
    """

    checked: Literal["now", "background"]
    count: int
    size_bytes: int
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexInService:
    """The index build that is named as the one in service, "name/build"; no digest if it is unreadable."""

    label: str
    manifest_sha256: str | None
    files: FilesInService | None


@dataclass(frozen=True, slots=True)
class ModelInService:
    """The model in the bundle folder.

    Attributes:
        bundle_sha256: of model.json.
        model_sha256: of model.onnx, as model.json says.
        origin: why it may go into service, as `domain.audit.served.ModelOrigin`; None if it may not.
    """

    version: str
    bundle_sha256: str
    model_sha256: str
    origin: str | None
    files: FilesInService


@dataclass(frozen=True, slots=True)
class InService:
    """What was in service on this host when the log ended with event `up_to`; None where there is nothing."""

    up_to: int
    index: IndexInService | None = None
    model: ModelInService | None = None


@dataclass(frozen=True, slots=True)
class StateNow:
    """What tables say of the rows that records concern, when the log ended with event `up_to`.

    Attributes:
        users: facts of accounts by ID, as `domain.audit.state` has them; None where there is no such row.
        tokens: of access tokens likewise.
        batches: of batches likewise.
        batch_photos: what became of the records' photos in them, by "batch/position".
        events: those that say the log's word on these rows, and on what is in service, oldest first.
    """

    up_to: int
    users: Mapping[str, Facts | None]
    tokens: Mapping[str, Facts | None]
    batches: Mapping[str, Facts | None]
    batch_photos: Mapping[str, Facts | None]
    events: tuple[LoggedEvent, ...]


@dataclass(frozen=True, slots=True)
class ProvedEvent:
    """An event with its inclusion proof, from the leaf's sibling up; no hashes where the tree has none."""

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
        damage: sentences on why the checkpoint does not cover the whole log, or its events have no proof.
    """

    note: str
    keys: tuple[LogKey, ...]
    rotations: tuple[SignedCheckpoint, ...]
    events: tuple[ProvedEvent, ...]
    witnessed: SignedCheckpoint | None = None
    consistency: tuple[bytes, ...] = ()
    damage: tuple[str, ...] = ()


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
