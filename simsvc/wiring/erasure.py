"""Erasure and retention."""

from __future__ import annotations

from simsvc.adapters.index.embedding_cache import forget_unfinished
from simsvc.flows.erase import Eraser
from simsvc.flows.retention import Retention
from simsvc.store.erasure import ErasureStore
from simsvc.store.faces import FaceStore
from simsvc.store.photos import PhotoStore
from simsvc.store.scrubbing import Scrubber
from simsvc.wiring.services import Services


def retention(services: Services) -> Retention:
    """Return what deletes photos in time and changes their key."""
    photos = PhotoStore(services.database, services.cipher)
    finish = Scrubber(services.database).finish
    return Retention(photos, services.settings.photo_days, finish, services.now)


def eraser(services: Services) -> Eraser:
    """Return what erases estimates, cases and labelled faces."""
    return Eraser(
        ErasureStore(services.database),
        services.waiting_room,
        FaceStore(services.database),
        lambda face_ids: _forget(services, face_ids),
        lambda face_id: _holding(services, face_id),
        Scrubber(services.database),
        services.now,
    )


def finish_erasures(services: Services) -> int:
    """Overwrite what erased rows left in files, however long it takes; return of how many it is not done."""
    return Scrubber(services.database).finish(FINISH_PATIENCE_S, all_sizes=True)


def _forget(services: Services, face_ids: frozenset[str]) -> int:
    """Take faces out of the face changes, and of what unfinished builds keep; return the change's number."""
    forget_unfinished(services.shelf.root)
    return services.shelf.journal.erase(face_ids)


def _holding(services: Services, face_id: str) -> tuple[str, ...] | None:
    """Return the builds whose files hold a face that is not erased; None where there is no such face."""
    changes = services.shelf.face_changes()
    if face_id in changes.erased:
        return None
    labels = tuple(label for label in services.shelf.labels() if services.shelf.gallery(label).has(face_id))
    return labels if labels or face_id in changes.live else None


FINISH_PATIENCE_S = 60.0
"""How long `flask erase finish` waits for readers; a page or an export is read well within a minute."""
