"""What `flask index` works with: the gallery, the builder, the builds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.chosen_model import building_model
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.photos.photo_decoder import PhotoDecoder
from simsvc.domain.gallery.manifest import EngineName, Manifest
from simsvc.flows.accounts import utc_now
from simsvc.flows.switch_index import Switcher
from simsvc.ports import Detector, Model
from simsvc.settings import Settings, load_settings
from simsvc.store.switches import SwitchStore
from simsvc.values import LabelledFace
from simsvc.wiring.services import helpers_of_command, make_switcher, open_database


@dataclass(frozen=True, slots=True)
class IndexServices:
    """What the index commands need.

    Attributes:
        settings: as read at start.
        bundle: the verified model bundle.
        detector: the one the bundle's crops are made with.
        shelf: where index builds stand.
        on_built: puts a finished build and its faces on record.
        switcher: puts a build into service.
        switches: where switches are on record.
        decoder: makes pixels of photos' bytes.
    """

    settings: Settings
    bundle: Bundle
    detector: Detector
    shelf: IndexStore
    on_built: Callable[[Manifest, Sequence[LabelledFace]], None]
    switcher: Switcher
    switches: SwitchStore
    decoder: PhotoDecoder

    @property
    def trained_on(self) -> frozenset[str]:
        """Names of the data sets that the model learned from, without those of their readers."""
        sources = self.bundle.raw.get("training", {}).get("sources", ())
        return frozenset(str(name).rpartition(":")[2] for name in sources)

    @property
    def engine(self) -> EngineName:
        """The engine that the settings name."""
        return "openvino" if self.settings.engine == "openvino" else "onnx"

    def model(self, engine: EngineName | None = None, callers: int = 1) -> Model:
        """Return the bundle's model, run by the engine of the settings or by another one.

        Args:
            engine: None for that of the settings.
            callers: threads that call it at the same time.

        Raises:
            BundleDamaged: it cannot be loaded.
            EngineMissing: the engine is not installed.
        """
        return building_model(self.bundle, engine or self.engine, self.settings.threads, callers)


def index_services(settings: Settings | None = None) -> IndexServices:
    """Return what the index commands need.

    Raises:
        SettingsError: a setting cannot be used.
        BundleError: the model cannot be used.
        StoreError: the database URL cannot be used.
    """
    settings = settings or load_settings()
    bundle = load_bundle(settings.bundle_dir)
    database, shelf = open_database(settings), open_shelf(settings)
    detector = detector_of(bundle)
    switcher = make_switcher(bundle, shelf, database, utc_now)
    switches = SwitchStore(database)
    decoder = PhotoDecoder(helpers_of_command())
    return IndexServices(settings, bundle, detector, shelf, switcher.on_built, switcher, switches, decoder)


def open_shelf(settings: Settings | None = None) -> IndexStore:
    """Return the index builds alone, for what needs no model.

    Raises:
        SettingsError: a setting cannot be used.
    """
    return IndexStore((settings or load_settings()).index_root)
