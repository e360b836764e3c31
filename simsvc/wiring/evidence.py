"""Taking evidence."""

from __future__ import annotations

from pathlib import Path

from simsvc import evidence
from simsvc.adapters.inference.model_documents import model_documents
from simsvc.flows.take_evidence import EvidenceTaker
from simsvc.store.evidence import EvidenceStore
from simsvc.values import RecordedEstimate
from simsvc.wiring.services import Services

ENCLOSED = ("README.txt", "verify.py")


def evidence_taker(services: Services) -> EvidenceTaker:
    """Return what takes evidence of the records that these services find."""
    folder = Path(evidence.__file__).parent
    return EvidenceTaker(
        EvidenceStore(services.database),
        services.tree_log(),
        services.log.note_all,
        lambda recorded: _model_files(services, recorded),
        {name: (folder / name).read_bytes() for name in ENCLOSED},
    )


def _model_files(services: Services, recorded: RecordedEstimate) -> dict[str, bytes]:
    made_with = recorded.estimate.bundle_sha256
    if made_with is None:
        return {}
    folders = (services.settings.model_root / made_with, services.settings.bundle_dir)
    found = model_documents(folders, made_with)
    return {f"models/{made_with}/{name}": data for name, data in found.items()}
