"""model.json and the model card of a model that made an estimate, as files to hand over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from simsvc.adapters.inference.bundle import DOCUMENT
from simsvc.adapters.inference.model_card import DOCUMENT as CARD


def model_documents(folders: Iterable[Path], document_sha256: str) -> dict[str, bytes]:
    """Return model.json and, if there is one, the model card; nothing if no folder has that model.json."""
    for folder in folders:
        document = _read(folder / DOCUMENT)
        if document is not None and hashlib.sha256(document).hexdigest() == document_sha256:
            card = _read(folder / CARD)
            return {DOCUMENT: document} if card is None else {DOCUMENT: document, CARD: card}
    return {}


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
