"""Reference faces added, relabelled and removed without a build."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.domain.gallery.face_changes import ChangeSet
from simsvc.errors import IndexMissing, IndexUnusable
from simsvc.flows.gallery.live_faces import LiveFaces
from simsvc.flows.gallery.switch_index import Switcher
from simsvc.ports import Detector, Model
from simsvc.store.index.faces import FaceStore
from simsvc.values.site_calibration import SiteCalibration
from simsvc.wiring.indexing import IndexServices
from simsvc.wiring.services import Services, open_database

_log = logging.getLogger(__name__)


def live_faces(services: IndexServices) -> LiveFaces:
    """Return the service for changes to reference faces, for commands.

    Raises:
        BundleError: the model cannot be used.
    """
    book = FaceStore(open_database(services.settings))
    return _live_faces(services, services.switcher, book, services.detector, services.model())


def live_faces_in_service(services: Services) -> LiveFaces:
    """Return the same service in a worker, with its open engines.

    Raises:
        BundleError: the model cannot be used.
    """
    pipeline, book = services.pipeline(), FaceStore(services.database)
    return _live_faces(services, services.switcher(), book, pipeline.detector, pipeline.model)


def _live_faces(
    services: IndexServices | Services, switcher: Switcher, book: FaceStore, detector: Detector, model: Model
) -> LiveFaces:
    shelf = services.shelf

    def label() -> str:
        current = shelf.current()
        if current is None:
            raise IndexMissing()
        return switcher.fitting(current).label

    def known() -> frozenset[str]:
        return frozenset(face.face_id for face in shelf.gallery(label()).faces)

    def refit(change: ChangeSet) -> Mapping[str, SiteCalibration]:
        return _refitted(shelf, switcher.model_sha256, change)

    return LiveFaces(label, known, shelf.journal, book, detector, model, services.decoder, refit)


def _refitted(shelf: IndexStore, model_sha256: str, change: ChangeSet) -> Mapping[str, SiteCalibration]:
    """Return the site calibration in service after one more change of faces; empty where there is none."""
    try:
        current = shelf.current()
        if current is None or shelf.manifest(current).calibration is None:
            return {}
        base = open_index(shelf.open_build(current), model_sha256)
        site = LiveIndex(base, shelf.journal.with_next(change)).refitted()
    except IndexUnusable as error:
        _log.warning("the site calibration stays as it was: %s", error.sentence)
        return {}
    return {} if site is None else {current: site}
