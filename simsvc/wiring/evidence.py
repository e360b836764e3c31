"""Taking evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simsvc import evidence
from simsvc.adapters.inference.model_documents import model_documents
from simsvc.domain.audit.tree.merkle import Hashes, consistency_proof, inclusion_proof
from simsvc.domain.audit.tree.tiles import in_tiles
from simsvc.errors import LogDiffers
from simsvc.flows.audit.keep_log import LogKeeper
from simsvc.flows.audit.take_evidence import EvidenceTaker
from simsvc.store.audit.cosignatures import CosignatureStore
from simsvc.store.audit.evidence import EvidenceStore
from simsvc.store.audit.evidence_state import EvidenceStateStore
from simsvc.store.audit.log_tiles import LogTree
from simsvc.values import RecordedEstimate
from simsvc.values.audit.log import LogKey, SignedCheckpoint
from simsvc.wiring.audit.in_service import in_service
from simsvc.wiring.services import Services

ENCLOSED = ("README.txt", "verify.py")
READS = "read"
"""Kind of the events that say who looked."""


@dataclass(frozen=True, slots=True)
class KeptLog:
    """The log that the keeper signs; each tile is read once."""

    keeper: LogKeeper
    tree: LogTree
    cosignatures: CosignatureStore
    hashes: Hashes

    def damage(self) -> LogDiffers | None:
        """Return why the tree cannot be continued with the events of now, if it cannot."""
        try:
            self.keeper.integrate()
        except LogDiffers as problem:
            return problem
        return None

    def newest(self) -> SignedCheckpoint | None:
        """Return the last checkpoint."""
        return self.tree.newest()

    def checkpoint(self) -> SignedCheckpoint:
        """Return a signed checkpoint of all events."""
        return self.keeper.checkpoint()

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """Return the inclusion proof of a leaf."""
        return inclusion_proof(index, size, self.hashes)

    def consistency(self, old_size: int, size: int) -> Sequence[bytes]:
        """Return the proof that the tree of a checkpoint begins with that of an earlier one."""
        return consistency_proof(old_size, size, self.hashes)

    def signed(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of a size."""
        return self.tree.checkpoint(size)

    def witnessed(self) -> SignedCheckpoint | None:
        """Return the newest checkpoint with signatures of witnesses."""
        size = self.cosignatures.newest_size()
        checkpoint = self.tree.checkpoint(size) if size else None
        if size is None or checkpoint is None:
            return None
        lines = "".join(f"{line}\n" for line in self.cosignatures.lines(size))
        return replace(checkpoint, note=checkpoint.note + lines)

    def keys(self) -> tuple[LogKey, ...]:
        """Return every key that ever signed."""
        return self.tree.log_keys()


def evidence_taker(services: Services, *, tells_reads: bool = True) -> EvidenceTaker:
    """Return what takes evidence of the records that these services find, with or without who looked."""
    folder = Path(evidence.__file__).parent
    return EvidenceTaker(
        EvidenceStore(services.database),
        EvidenceStateStore(services.database),
        lambda: in_service(services.settings, services.log, services.database.unlimited(), services.shelf),
        _kept_log(services),
        services.log.note_all,
        lambda recorded: _model_files(services, recorded),
        {name: (folder / name).read_bytes() for name in ENCLOSED},
        without="" if tells_reads else READS,
        subjects=services.reads.subjects_of_case,
    )


def _kept_log(services: Services) -> KeptLog:
    tree = services.log_tree
    return KeptLog(services.log_keeper, tree, services.cosignatures, in_tiles(tree.tile))


def _model_files(services: Services, recorded: RecordedEstimate) -> dict[str, bytes]:
    made_with = recorded.estimate.bundle_sha256
    if made_with is None:
        return {}
    folders = (services.settings.model_root / made_with, services.settings.bundle_dir)
    found = model_documents(folders, made_with)
    return {f"models/{made_with}/{name}": data for name, data in found.items()}
