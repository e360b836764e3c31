"""Services for `flask index`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.chosen_model import building_model, engine_of
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.photos.photo_decoder import PhotoDecoder
from simsvc.domain.gallery.cached_embedding import Outcome
from simsvc.domain.gallery.manifest import EngineName, Manifest
from simsvc.flows.access.accounts import utc_now
from simsvc.flows.audit.served import IndexGuard
from simsvc.flows.gallery.build_index import BuildRequest
from simsvc.flows.gallery.embed_faces import ReferenceJob
from simsvc.flows.gallery.switch_index import Switcher
from simsvc.ports import Detector, Model, WideWork
from simsvc.settings import Settings
from simsvc.values import LabelledFace
from simsvc.wiring.audit.served import admit, index_guard
from simsvc.wiring.hosts.index_shelf import open_shelf
from simsvc.wiring.services import helpers_of_command, make_switcher, open_database
from simsvc.wiring.wide import wide_embedding


@dataclass(frozen=True, slots=True)
class IndexServices:
    """Services for the index commands."""

    settings: Settings
    bundle: Bundle
    detector: Detector
    shelf: IndexStore
    on_built: Callable[[Manifest, Sequence[LabelledFace]], None]
    switcher: Switcher
    decoder: PhotoDecoder
    guard: IndexGuard
    admit: Callable[[], None]

    @property
    def trained_on(self) -> frozenset[str]:
        """Data sets the model was trained on."""
        sources = self.bundle.raw.get("training", {}).get("sources", ())
        return frozenset(str(name).rpartition(":")[2] for name in sources)

    @property
    def engine(self) -> EngineName:
        """The engine that the settings name."""
        return "onnx" if self.settings.engine == "onnxruntime" else self.settings.engine

    def model(self, engine: EngineName | None = None, callers: int = 1) -> Model:
        """Return the model for so many calling threads, run by an engine; None is the settings' engine.

        Raises:
            BundleDamaged: it cannot be loaded.
            ModelNotLogged: it may not go into service, nor may what is built with it.
            EngineMissing: the engine is not installed.
            StoreError: the database cannot be used.
        """
        self.admit()
        return building_model(self.bundle, engine or self.engine, self.settings.threads, callers)

    def wide(
        self, ray: str | None, request: BuildRequest, model: Model
    ) -> AbstractContextManager[WideWork[ReferenceJob, Outcome] | None]:
        """Return what embeds photos on the Ray cluster at an address, or None without one.

        Raises:
            RayMissing: Ray is not installed.
            RayUnreachable: there is no usable Ray cluster.
        """
        if ray is None:
            return nullcontext()
        engine = engine_of(request.engine)
        probe = next((photo.path for source in request.sources for photo in source.photos), None)
        return wide_embedding(ray, self.settings, engine, model, self.bundle.document_sha256, probe)


def index_services(settings: Settings) -> IndexServices:
    """Return the services for the index commands.

    Raises:
        BundleError: the model cannot be used.
        StoreError: the database URL cannot be used.
    """
    bundle = load_bundle(settings.bundle_dir)
    database = open_database(settings)
    shelf = open_shelf(settings, database)
    switcher, detector = make_switcher(bundle, shelf, database, utc_now), detector_of(bundle)
    decoder = PhotoDecoder(helpers_of_command())
    guard = index_guard(database, shelf)

    def on_built(manifest: Manifest, faces: Sequence[LabelledFace]) -> None:
        switcher.on_built(manifest, faces, "made")

    return IndexServices(
        settings, bundle, detector, shelf, on_built, switcher, decoder, guard, lambda: admit(database, bundle)
    )
