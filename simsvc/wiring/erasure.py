"""Erasure and retention."""

from __future__ import annotations

from simsvc.adapters.index.files.embedding_cache import forget_unfinished
from simsvc.domain.gallery.face_changes import ErasedSets
from simsvc.errors import ObjectsRefused
from simsvc.flows.erase import Eraser
from simsvc.flows.retention import Retention
from simsvc.store.erasure.records import ErasureStore
from simsvc.store.index.faces import FaceStore
from simsvc.store.records.photos import PhotoStore
from simsvc.store.scrubbing import Scrubber
from simsvc.wiring.services import Services

FINISH_PATIENCE_S = 60.0


def retention(services: Services) -> Retention:
    """Return the retention service."""
    photos = PhotoStore(services.database, services.cipher)
    finish = Scrubber(services.database).finish
    return Retention(photos, services.settings.photo_days, finish, services.now)


def eraser(services: Services) -> Eraser:
    """Return the erasure service."""
    return Eraser(
        ErasureStore(services.database.unlimited()),
        services.waiting_room,
        FaceStore(services.database),
        lambda face_ids: _forget(services, face_ids),
        lambda face_id: _holding(services, face_id),
        Scrubber(services.database),
        services.now,
    )


def finish_erasures(services: Services) -> int:
    """Overwrite copies of erased rows; return the number of unfinished erasures."""
    return Scrubber(services.database).finish(FINISH_PATIENCE_S, all_sizes=True)


def versions_kept(services: Services) -> ObjectsRefused | None:
    """Return why erased photos may remain in the object store, or None if they do not.

    Raises:
        ObjectsUnavailable: it cannot be asked.
    """
    objects = services.objects
    if objects is None or not objects.keeps_versions:
        return None
    return ObjectsRefused("versioned", store=objects.name)


def _forget(services: Services, face_ids: frozenset[str]) -> ErasedSets:
    """Remove faces from the face changes and caches of unfinished builds; return what that changed."""
    forget_unfinished(services.shelf.root)
    return services.shelf.journal.erase(face_ids)


def _holding(services: Services, face_id: str) -> tuple[str, ...] | None:
    """Return the builds whose files contain a face, or None if the face does not exist."""
    changes = services.shelf.face_changes()
    if face_id in changes.erased:
        return None
    labels = tuple(label for label in services.shelf.labels() if services.shelf.gallery(label).has(face_id))
    return labels if labels or face_id in changes.live else None
