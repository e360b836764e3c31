"""What is in service on this host at this moment, for evidence."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.changed_files import ChangedFile, read_changed
from simsvc.adapters.inference.bundle import Bundle, load_document
from simsvc.adapters.inference.shipped import SHIPPED
from simsvc.adapters.ops.gentle_hash import gentle_fingerprint
from simsvc.domain.audit.served import model_origin
from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.errors import BundleError, IndexUnusable
from simsvc.flows.audit.recheck import Watched, changed
from simsvc.settings import Settings
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.served_log import ServedLog
from simsvc.store.database import Database
from simsvc.values.audit.evidence import FilesInService, IndexInService, InService, ModelInService

MOST_HASHED_BYTES = 1 << 30
"""Most bytes of the index, and of the model, that are hashed for evidence. Larger ones are hashed in the
background only (`wiring.audit.served_keeper`). Source: hashlib takes 0.9 s for 1 GiB where the processor has
SHA instructions (1.2 GB/s measured) and some 3 s elsewhere, and a disk of 200 MB/s takes 5 s: well within
the 60 s of a request."""


def in_service(settings: Settings, log: EventLog, database: Database, shelf: IndexStore) -> InService:
    """Return the index build and the model that are in service, as far as they can be read.

    Raises:
        StoreError: the database cannot be used.
    """
    up_to, (label, manifest_sha256, bundle) = log.while_unchanged(lambda: _named(settings, shelf))
    book = ServedLog(database)
    if label is not None and book.peek(label).is_first:
        label = None  # the log has no build yet: it takes this one with the first estimate
    return InService(
        up_to,
        _index(settings, shelf, label, manifest_sha256) if label is not None else None,
        _model(settings, book, bundle) if bundle is not None else None,
    )


def _named(settings: Settings, shelf: IndexStore) -> tuple[str | None, str | None, Bundle | None]:
    label, bundle = None, None
    with suppress(IndexUnusable):
        label = shelf.current()
    with suppress(BundleError):
        bundle = load_document(settings.bundle_dir)
    return label, shelf.manifest_sha256(label) if label else None, bundle


def _index(settings: Settings, shelf: IndexStore, label: str, manifest_sha256: str | None) -> IndexInService:
    files = None
    with suppress(IndexUnusable):
        folder, listed = shelf.build_path(label), shelf.manifest(label).files
        if folder.is_dir():  # else this host has not fetched it yet
            files = _files(folder, listed, label, read_changed(settings.index_root).index)
    return IndexInService(label, manifest_sha256, files)


def _model(settings: Settings, book: ServedLog, bundle: Bundle) -> ModelInService:
    origin = model_origin(book.model(bundle.document_sha256, bundle.sha256), SHIPPED)
    mark = read_changed(settings.index_root).model
    files = _files(bundle.folder, bundle.files, bundle.document_sha256, mark)
    return ModelInService(bundle.version, bundle.document_sha256, bundle.sha256, origin, files)


def _files(
    folder: Path, listed: Mapping[str, Fingerprint], of: str, mark: ChangedFile | None
) -> FilesInService:
    """Hash files, or else say which of them the background re-hashing marked."""
    size_bytes = sum(stated.bytes for stated in listed.values())
    marked = {mark.file} if mark is not None and mark.of == of else set()
    if size_bytes > MOST_HASHED_BYTES:
        return FilesInService("background", len(listed), size_bytes, tuple(sorted(marked)))
    watched = [Watched("", of, folder, listed)]
    found = {name for _, name, differs in changed(watched, (), _fingerprint) if differs}
    return FilesInService("now", len(listed), size_bytes, tuple(sorted(found | marked)))


def _fingerprint(path: Path) -> Fingerprint:
    if path.stat().st_size > MOST_HASHED_BYTES:  # all together were listed as less
        raise OSError(path)
    return gentle_fingerprint(path, lambda _worked_s: None)
