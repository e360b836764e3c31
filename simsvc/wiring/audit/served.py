"""What may go into service: the log's word on index builds and models."""

from __future__ import annotations

from contextlib import suppress

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.changed_files import ChangedFile, read_changed
from simsvc.adapters.inference.bundle import Bundle, load_bundle, load_document
from simsvc.adapters.inference.shipped import SHIPPED
from simsvc.domain.audit.served import IndexFacts, index_problem, model_origin
from simsvc.errors import (
    BundleDamaged,
    BundleError,
    IndexDamaged,
    IndexNotServed,
    ModelNotLogged,
    SimsvcError,
)
from simsvc.flows.audit.served import FILES, MODEL, IndexGuard, accept_model, admit_model, note_quietly
from simsvc.settings import Settings
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.served_log import ServedLog
from simsvc.store.database import Database
from simsvc.store.index.builds import BuildStore
from simsvc.values.events import Break


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


def open_bundle(settings: Settings, database: Database) -> Bundle:
    """Check every file of the model in the bundle folder, and return it if it may go into service.

    Raises:
        BundleError: it cannot be used, or may not go into service; the log says so once.
        StoreError: the database cannot be used.
    """
    try:
        bundle = load_bundle(settings.bundle_dir)
    except BundleDamaged as problem:
        with suppress(BundleError):
            of = load_document(settings.bundle_dir).document_sha256
            note_quietly(ServedLog(database), FILES[MODEL], problem, {"of": of})
        raise
    admit(database, bundle)
    return bundle


def accept(settings: Settings, database: Database) -> Bundle:
    """Check every file of the model in the bundle folder, log that it was accepted, and return it.

    Raises:
        BundleError: it cannot be used.
        StoreError: the database cannot be used.
    """
    bundle = load_bundle(settings.bundle_dir)
    accept_model(ServedLog(database), EventLog(database), named(bundle))
    return bundle


def served_breaks(settings: Settings, database: Database, shelf: IndexStore) -> tuple[Break, ...]:
    """Return how what is in service differs from what was logged, and log nothing.

    A part that cannot be read is left out: `flask check` says why.

    Raises:
        StoreError: the database cannot be used.
    """
    book, found = ServedLog(database), list[tuple[str, SimsvcError]]()
    try:
        label = shelf.current()
        logged = book.peek(label) if label else None
        if label and logged and not logged.is_first:
            facts = IndexFacts(label, shelf.manifest_sha256(label), logged.manifests, logged.switched)
            found += [(f"index:{label}", problem) for problem in [index_problem(facts)] if problem]
    except IndexDamaged as problem:
        found.append(("index", problem))
    with suppress(BundleError):
        bundle = load_document(settings.bundle_dir)
        if model_origin(book.model(bundle.document_sha256, bundle.sha256), SHIPPED) is None:
            found.append((MODEL, ModelNotLogged("start", version=bundle.version)))
    marks = read_changed(settings.index_root)
    if marks.index:
        changed = IndexNotServed("changed", label=marks.index.of, file=marks.index.file)
        found.append((f"index:{marks.index.of}", changed))
    if marks.model:
        found.append((MODEL, ModelNotLogged("changed", file=marks.model.file)))
    return tuple(Break(None, subject, "not_served", problem.sentence) for subject, problem in found)


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
