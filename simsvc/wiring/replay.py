"""What keeps, changes and erases: services of commands and pages that most requests never need."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from simsvc.adapters.index.annoy_index import AnnoyIndex
from simsvc.adapters.index.build_store import IndexShelf
from simsvc.adapters.index.embedding_cache import forget_unfinished
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.inference.bundle import Bundle, load_document
from simsvc.adapters.inference.chosen_model import Engine, served_model
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.domain.estimate.age_prior import parse_age_prior
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.gallery.face_changes import ChangeSet
from simsvc.domain.gallery.manifest import manifest_sha256
from simsvc.errors import (
    BuildGone,
    BuildNotFound,
    BundleError,
    IndexDamaged,
    IndexError_,
    IndexMissing,
    ModelGone,
)
from simsvc.flows.erase import Eraser
from simsvc.flows.estimate import ONE_VOTE_READING, Corridor
from simsvc.flows.live_faces import LiveFaces
from simsvc.flows.replay import Replayer
from simsvc.flows.retention import Retention
from simsvc.flows.retire import Retirement, retire
from simsvc.flows.switch_index import Switcher
from simsvc.ports import Detector, Model
from simsvc.store.erasure import ErasureStore
from simsvc.store.faces import FaceStore
from simsvc.store.photos import PhotoStore
from simsvc.store.retirement import KeepingStore
from simsvc.store.scrubbing import Scrubber
from simsvc.values import Estimate, RecordedEstimate
from simsvc.values.site_calibration import SiteCalibration
from simsvc.wiring.services import IndexServices, Services, open_database

_log = logging.getLogger(__name__)
FINISH_PATIENCE_S = 60.0
"""How long `flask erase finish` waits for readers; a page or an export is read well within a minute."""


def live_faces(services: IndexServices) -> LiveFaces:
    """Return what changes labelled faces without a build, for commands.

    Raises:
        BundleError: the model cannot be used.
    """
    database, model = open_database(services.settings), services.model()
    book = FaceStore(database)
    return _live_faces(services, services.switcher, book, services.detector, model)


def live_faces_in_service(services: Services) -> LiveFaces:
    """Return the same in a worker, with the engines that it has open.

    Raises:
        BundleError: the model cannot be used.
    """
    corridor, book = services.corridor(), FaceStore(services.database)
    return _live_faces(services, services.switcher(), book, corridor.detector, corridor.model)


def _live_faces(
    services: IndexServices | Services,
    switcher: Switcher,
    book: FaceStore,
    detector: Detector,
    model: Model,
) -> LiveFaces:
    shelf = services.shelf

    def label() -> str:
        current = shelf.current()
        if current is None:
            raise IndexMissing("There is no index yet. Build one: `flask index build`.")
        return switcher.fitting(current).label

    def known() -> frozenset[str]:
        return frozenset(face.face_id for face in shelf.gallery(label()).faces)

    def refit(change: ChangeSet) -> Mapping[str, SiteCalibration]:
        return _refitted(shelf, switcher.model_sha256, change)

    return LiveFaces(label, known, shelf.journal, book, detector, model, services.decoder, refit)


def _refitted(shelf: IndexShelf, model_sha256: str, change: ChangeSet) -> Mapping[str, SiteCalibration]:
    """Return the site calibration of the build in service as it is with one more change of faces.

    Nothing where there is no build in service that fits the model, or it was never calibrated.
    """
    try:
        current = shelf.current()
        if current is None or shelf.manifest(current).calibration is None:
            return {}
        base = AnnoyIndex(shelf.folder(current), model_sha256)
        site = LiveIndex(base, shelf.journal.with_next(change)).refitted()
    except IndexError_ as error:
        _log.warning("the site calibration stays as it was: %s", error.sentence)
        return {}
    return {} if site is None else {current: site}


def replayer(services: Services) -> Replayer:
    """Return what makes estimates again, each with the model and index build that made it."""
    photos, keeping = PhotoStore(services.database, services.cipher), KeepingStore(services.database)
    return Replayer(
        services.estimates,
        photos.find,
        lambda recorded: recorded_corridor(services, keeping, recorded),
        lambda: services.shelf.face_changes().erased,
        keeping.log_replay,
    )


def recorded_corridor(services: Services, keeping: KeepingStore, recorded: RecordedEstimate) -> Corridor:
    """Return the corridor as it was when an estimate was made; it records nothing.

    The detector is the installed one, and the limit of bytes is that of today.

    Raises:
        ModelGone: the model is no longer kept.
        BundleDamaged: a file of it is not as it was.
        BuildGone: the index build is no longer there.
        IndexDamaged: a file of it is not as it was.
    """
    answer = recorded.estimate
    bundle = services.models.find(answer.bundle_sha256, answer.model_sha256)
    index = _recorded_index(services, keeping, answer)
    return Corridor(
        detector=detector_of(bundle),
        model=_opened(bundle, services.settings.engine, services.settings.threads),
        index=lambda: index,
        recorder=services.estimates,
        neighbours=len(answer.neighbours) or services.settings.neighbours,
        max_bytes=services.settings.max_upload_bytes,
        rules=parse_rules(bundle.raw, bundle.sha256),
        bundle_sha256=bundle.document_sha256,
        decoder=services.decoder,
        one_vote=bundle.reading >= ONE_VOTE_READING,
        age_prior=parse_age_prior(answer.age_prior.ages) if answer.age_prior else None,
    )


def _recorded_index(services: Services, keeping: KeepingStore, answer: Estimate) -> LiveIndex:
    """Open the index build of a record under the face changes of then, without the faces erased since."""
    label = answer.index or ""
    try:
        manifest = services.shelf.manifest(label)
    except BuildNotFound:
        raise BuildGone(
            "The index build that this estimate was made with is no longer there, so it cannot be searched "
            "again. If there is a back-up of the index folder, put it back."
        ) from None
    known = keeping.manifest_sha256(label)
    if known is not None and known != manifest_sha256(manifest):
        raise IndexDamaged(
            f"The index build {label} is damaged: its manifest.json is not the one on record. "
            "Put the build back from a back-up."
        )
    base = AnnoyIndex(services.shelf.folder(label), answer.model_sha256 or "")
    return LiveIndex(base, services.shelf.journal.changes(answer.face_changes))


def _opened(bundle: Bundle, engine: Engine, threads: int) -> Model:
    """Return a model whose files were just checked; the latest ones stay open."""
    return _kept_open(bundle.folder, bundle.document_sha256, engine, threads)


@lru_cache(maxsize=2)
def _kept_open(folder: Path, document_sha256: str, engine: Engine, threads: int) -> Model:
    del document_sha256  # part of the key: another model.json in the same place is another model
    return served_model(load_document(folder), engine, threads)


def retire_build(services: Services, text: str, actor: str, *, force: bool) -> str:
    """Take an index build away and return its label.

    Raises:
        BuildNotFound: no build is called that.
        RetireRefused: it is in service, or records refer to it.
    """
    shelf, keeping = services.shelf, KeepingStore(services.database)
    label = shelf.find(text)
    wanted = Retirement(
        f"The index build {label}",
        f"index:{label}",
        shelf.current() == label,
        keeping.made_with_build(label),
        shelf.folder(label),
        lambda: shelf.set_aside(label),
    )
    retire(wanted, keeping, actor, force=force)
    return label


def retire_model(services: Services, text: str, actor: str, *, force: bool) -> str:
    """Take a kept model away and return its version.

    Args:
        services: of the process.
        text: its version, or the beginning of the sha256 of its model.json.
        actor: who does it, as the log names it.
        force: also where records refer to it.

    Raises:
        ModelGone: none is called that, or several.
        RetireRefused: it is in service, or records refer to it.
    """
    keeping = KeepingStore(services.database)
    found = [
        bundle
        for bundle in services.models.kept()
        if text and (bundle.version == text or bundle.folder.name.startswith(text))
    ]
    if len(found) != 1:
        raise ModelGone("No kept model, or more than one, is called that. Name one by `flask model list`.")
    wanted = Retirement(
        f"The model {found[0].version}",
        f"model:{found[0].folder.name}",
        found[0].folder.name == _in_service(services),
        keeping.made_with_model(found[0].document_sha256, found[0].sha256),
        found[0].folder,
        lambda: services.models.set_aside(found[0]),
    )
    retire(wanted, keeping, actor, force=force)
    return found[0].version


def _in_service(services: Services) -> str | None:
    try:
        return load_document(services.settings.bundle_dir).document_sha256
    except BundleError:
        return None


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
