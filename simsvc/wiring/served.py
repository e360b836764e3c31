"""What may go into service: the log's word on index builds and models."""

from __future__ import annotations

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.changed_files import ChangedFile, read_changed
from simsvc.adapters.inference.bundle import Bundle, load_bundle, load_document
from simsvc.adapters.inference.shipped import SHIPPED
from simsvc.domain.audit.served import model_origin
from simsvc.errors import ModelNotLogged
from simsvc.flows.served import MODEL, IndexGuard, accept_model, admit_model, note_quietly
from simsvc.settings import Settings
from simsvc.store.audit_log import EventLog
from simsvc.store.builds import BuildStore
from simsvc.store.database import Database
from simsvc.store.served_log import ServedLog


def index_guard(database: Database, shelf: IndexStore) -> IndexGuard:
    """Return what says which index builds may be in service."""

    def adopt(label: str) -> None:
        faces = shelf.face_changes().kept(shelf.gallery(label).faces)
        BuildStore(database).record(shelf.manifest(label), faces, what="found at first start")

    return IndexGuard(ServedLog(database), shelf.manifest_sha256, shelf.current, adopt)


def admit(database: Database, bundle: Bundle) -> None:
    """Log the model of a starting process, if it changed.

    Raises:
        ModelNotLogged: it may not go into service.
        StoreError: the database cannot be used.
    """
    admit_model(ServedLog(database), EventLog(database), named(bundle), SHIPPED)


def accept(settings: Settings, database: Database) -> Bundle:
    """Check every file of the model in the bundle folder, log that it was accepted, and return it.

    Raises:
        BundleError: it cannot be used.
        StoreError: the database cannot be used.
    """
    bundle = load_bundle(settings.bundle_dir)
    accept_model(ServedLog(database), EventLog(database), named(bundle))
    return bundle


def named(bundle: Bundle) -> dict[str, str]:
    """Return what the log says of a model."""
    return {
        "version": bundle.version,
        "sha256": bundle.sha256,
        "bundle_sha256": bundle.document_sha256,
    }


def model_problem(
    settings: Settings, database: Database, opened_sha256: str, known: ChangedFile | None
) -> ModelNotLogged | None:
    """Return how the bundle folder differs from the model that a process opened, if it does, and log it once.

    `known` was marked as changed before the process checked every file.

    Raises:
        BundleError: model.json cannot be read.
        StoreError: the database cannot be used.
    """
    found = read_changed(settings.index_root).model
    if found is not None and found != known and found.of == opened_sha256:
        return ModelNotLogged("changed", file=found.file)
    bundle = load_document(settings.bundle_dir)
    if bundle.document_sha256 == opened_sha256:
        return None
    book = ServedLog(database)
    if model_origin(book.model(bundle.document_sha256, bundle.sha256), SHIPPED):
        return ModelNotLogged("restart", version=bundle.version)
    note_quietly(book, MODEL, ModelNotLogged("start", version=bundle.version), named(bundle))
    return ModelNotLogged("replaced", version=bundle.version)
