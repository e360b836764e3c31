"""Services for replays."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.inference.bundle import load_document
from simsvc.adapters.inference.chosen_model import Engine, served_model
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.domain.estimate.age_prior import parse_age_prior
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.gallery.manifest import manifest_sha256
from simsvc.errors import BuildGone, BuildNotFound, IndexDamaged
from simsvc.flows.estimates.estimate import ONE_VOTE_READING, EstimatePipeline
from simsvc.flows.estimates.replay import Replayer
from simsvc.ports import Model
from simsvc.store.records.photos import PhotoStore
from simsvc.store.records.retirement import KeepingStore
from simsvc.values import Estimate, RecordedEstimate
from simsvc.wiring.services import Services


def replayer(services: Services) -> Replayer:
    """Return the replay service."""
    photos, keeping = PhotoStore(services.database, services.cipher), KeepingStore(services.database)
    return Replayer(
        services.estimates,
        photos.find,
        photos.has,
        services.estimates.crop_png,
        lambda recorded: recorded_pipeline(services, keeping, recorded),
        lambda: services.shelf.face_changes().erased,
        keeping.log_replay,
    )


def recorded_pipeline(
    services: Services, keeping: KeepingStore, recorded: RecordedEstimate
) -> EstimatePipeline:
    """Return the pipeline as it was when an estimate was made; it records nothing.

    It uses the installed detector and the current size limit.

    Raises:
        ModelGone: the model is no longer kept.
        BundleDamaged: a file of the model has changed.
        BuildGone: the index build no longer exists.
        IndexDamaged: a file of the build has changed.
    """
    answer, settings = recorded.estimate, services.settings
    bundle = services.models.find(answer.bundle_sha256, answer.model_sha256)
    index = _recorded_index(services, keeping, answer)
    return EstimatePipeline(
        detector=detector_of(bundle),
        model=_kept_open(bundle.folder, bundle.document_sha256, settings.engine, settings.threads),
        index=lambda: index,
        recorder=services.estimates,
        neighbours=len(answer.neighbours) or settings.neighbours,
        max_bytes=settings.max_upload_bytes,
        rules=parse_rules(bundle.raw, bundle.sha256),
        bundle_sha256=bundle.document_sha256,
        decoder=services.decoder,
        one_vote=bundle.reading >= ONE_VOTE_READING,
        age_prior=parse_age_prior(answer.age_prior.ages) if answer.age_prior else None,
    )


def _recorded_index(services: Services, keeping: KeepingStore, answer: Estimate) -> LiveIndex:
    """Open the index build of a record with the face changes at that time, without faces erased since."""
    label = answer.index or ""
    try:
        manifest = services.shelf.manifest(label)
    except BuildNotFound:
        raise BuildGone() from None
    known = keeping.manifest_sha256(label)
    if known is not None and known != manifest_sha256(manifest):
        raise IndexDamaged("manifest_replaced", label=label)
    base = open_index(services.shelf.open_build(label), answer.model_sha256 or "")
    return LiveIndex(base, services.shelf.journal.changes(answer.face_changes))


@lru_cache(maxsize=2)
def _kept_open(folder: Path, document_sha256: str, engine: Engine, threads: int) -> Model:
    del document_sha256  # part of the cache key: a changed model.json is another model
    return served_model(load_document(folder), engine, threads)
