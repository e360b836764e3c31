"""Work on the hosts of a cluster: what each of its processes opens, and the pool of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.chosen_model import Engine, served_model
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import Device, OnnxModel
from simsvc.adapters.photos.photo_decoder import PhotoDecoder
from simsvc.adapters.photos.remote_photos import Place, read_place
from simsvc.adapters.wide.ray_cluster import ray_cluster
from simsvc.adapters.wide.ray_pool import RayPool
from simsvc.domain.estimate.rules import Rules, parse_rules
from simsvc.domain.gallery.cached_embedding import Outcome
from simsvc.errors import BundleMissing, HostUnfit, NotJudged, PhotoMissing, PhotoTooManyBytes
from simsvc.flows.estimates.look import File, Seen, look_at_file
from simsvc.flows.gallery.embed_faces import ReferenceJob, embed
from simsvc.ports import Detector, Model
from simsvc.settings import Settings, load_settings
from simsvc.wiring.hosts.release import installed_version

SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class HostOrder:
    """What a host needs to know, and what it must have.

    Attributes:
        document_sha256: of the model's model.json, which names the other files by their hashes.
        bundle_dir: where the command's host has the model.
        engine_name: `Model.engine` of the command's host; hosts must compute with the same.
        probe: a photo that the command's host can read, or None.
    """

    version: str
    document_sha256: str
    bundle_dir: Path
    engine: Engine
    engine_name: str
    threads: int
    max_bytes: int
    device: Device = "cpu"
    probe: Place | None = None


@dataclass(frozen=True, slots=True)
class HostSight:
    """What a process holds: detector, model and decoder."""

    detector: Detector
    model: Model
    max_bytes: int
    rules: Rules
    decoder: PhotoDecoder


@dataclass(frozen=True, slots=True)
class Looking:
    """Look at photos for estimates."""

    sight: HostSight

    def __call__(self, job: File) -> Seen:
        """Return what a photo shows; raises RemotePhotosUnavailable, BundleError."""
        return look_at_file(job, self.sight, read_place)

    def given_up(self, job: File) -> Seen:
        """Return the refusal of a photo that ended processes."""
        del job
        return NotJudged().message


@dataclass(frozen=True, slots=True)
class Embedding:
    """Embed reference photos."""

    sight: HostSight

    def __call__(self, job: ReferenceJob) -> Outcome:
        """Return the face of a reference photo, or why it is skipped; raises BundleError."""
        sight = self.sight
        (outcome,) = embed(job.source, [job.photo], sight.detector, sight.model, sight.decoder)
        return outcome

    def given_up(self, job: ReferenceJob) -> Outcome:
        """Return the reason of a photo that ended processes."""
        del job
        return NotJudged.code


def open_looking(order: HostOrder) -> Looking:
    """Return the work of estimates on this host; raises HostUnfit, BundleError."""
    return Looking(_open_sight(order))


def open_embedding(order: HostOrder) -> Embedding:
    """Return the work of an index build on this host; raises HostUnfit, BundleError."""
    return Embedding(_open_sight(order))


@contextmanager
def wide_looking(
    address: str, settings: Settings, engine_name: str, document_sha256: str, probe: Place | None
) -> Iterator[RayPool[File, Seen]]:
    """Connect to a Ray cluster that looks at photos; raises RayMissing, RayUnreachable."""
    with ray_cluster(address, settings.ray_device, settings.ray_workers) as cluster:
        order = host_order(settings, settings.engine, engine_name, document_sha256, probe)
        yield RayPool(cluster, partial(open_looking, order))


@contextmanager
def wide_embedding(
    address: str, settings: Settings, engine: Engine, model: Model, document_sha256: str, probe: Place | None
) -> Iterator[RayPool[ReferenceJob, Outcome]]:
    """Connect to a Ray cluster that embeds reference photos; raises RayMissing, RayUnreachable."""
    with ray_cluster(address, settings.ray_device, settings.ray_workers) as cluster:
        order = host_order(settings, engine, model.engine, document_sha256, probe)
        yield RayPool(cluster, partial(open_embedding, order))


def host_order(
    settings: Settings, engine: Engine, engine_name: str, document_sha256: str, probe: Place | None
) -> HostOrder:
    """Return what hosts must have to do as this one does; a photo that it cannot read is no probe."""
    return HostOrder(
        installed_version(),
        document_sha256,
        settings.bundle_dir,
        engine,
        engine_name,
        settings.threads,
        settings.max_upload_bytes,
        settings.ray_device,
        probe if probe is not None and _is_readable(probe, settings.max_upload_bytes) else None,
    )


def _open_sight(order: HostOrder) -> HostSight:
    host = socket.gethostname()
    if installed_version() != order.version:
        raise HostUnfit("version", host=host, found=installed_version(), wanted=order.version)
    bundle = _bundle(order, host)
    model = _model(order, bundle)
    if order.device == "cpu" and model.engine != order.engine_name:
        raise HostUnfit("engine", host=host, found=model.engine, wanted=order.engine_name)
    if order.probe is not None and not _is_readable(order.probe, order.max_bytes):
        raise HostUnfit("photos", host=host, photo=str(order.probe))
    rules = parse_rules(bundle.raw, bundle.sha256)
    return HostSight(detector_of(bundle), model, order.max_bytes, rules, PhotoDecoder())


def _bundle(order: HostOrder, host: str) -> Bundle:
    """Return the wanted model: from the path of the command's host, or from this host's own settings."""
    wanted, found = order.document_sha256, ""
    for folder in dict.fromkeys((order.bundle_dir, load_settings().bundle_dir)):
        try:
            bundle = load_bundle(folder)
        except BundleMissing:
            continue
        if bundle.document_sha256 == wanted:
            return bundle
        found = found or bundle.document_sha256
    wanted, found = wanted[:SHOWN_DIGITS], found[:SHOWN_DIGITS]
    if not found:
        raise HostUnfit("model_missing", host=host, wanted=wanted)
    raise HostUnfit("model", host=host, wanted=wanted, found=found)


def _model(order: HostOrder, bundle: Bundle) -> Model:
    if order.device == "cuda":
        return OnnxModel(bundle, order.threads, device="cuda")
    return served_model(bundle, order.engine, order.threads)


def _is_readable(place: Place, max_bytes: int) -> bool:
    try:
        read_place(place, max_bytes)
    except PhotoTooManyBytes:
        return True
    except PhotoMissing:
        return False
    return True
