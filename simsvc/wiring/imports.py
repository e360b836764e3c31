"""Imports of reference faces: their process, and what it needs."""

from __future__ import annotations

from simsvc.adapters.index.build_store import ENGINE_LIBRARIES, LIBRARIES
from simsvc.adapters.index.engines.chosen import check_engine
from simsvc.adapters.index.files.embedding_cache import EmbeddedJournal
from simsvc.adapters.photos.import_spool import ImportSpool
from simsvc.flows.gallery.process_import import Workshop, process
from simsvc.settings import Settings
from simsvc.wiring.hosts.objects import open_imports, open_objects
from simsvc.wiring.indexing import index_services
from simsvc.wiring.labelled_faces import live_faces
from simsvc.wiring.services import helpers_of_command


def work_import(settings: Settings, import_id: str) -> None:
    """Check or build an import, whichever was started; failures are stored for its page.

    Raises:
        ImportNotFound: there is no such import.
    """
    spool = open_imports(settings, open_objects(settings))
    with spool.working(import_id):
        process(spool, import_id, lambda: _workshop(settings, spool))


def _workshop(settings: Settings, spool: ImportSpool) -> Workshop:
    check_engine(settings.index_engine)
    indexing, workers = index_services(settings), helpers_of_command()
    libraries = (*LIBRARIES, *ENGINE_LIBRARIES.values())
    return Workshop(
        spool,
        lambda import_id: EmbeddedJournal(spool.embedded(import_id), libraries),
        indexing.shelf,
        indexing.detector,
        indexing.model(callers=workers),
        indexing.decoder,
        indexing.on_built,
        indexing.engine,
        workers,
        indexing.trained_on,
        lambda source, actor, progress: live_faces(indexing).add(source, actor, progress),
    )
