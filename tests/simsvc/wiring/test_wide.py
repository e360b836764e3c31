from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simsvc.adapters.photos.photo_files import photo_file
from simsvc.adapters.photos.sources import read_source
from simsvc.errors import EngineMissing, HostUnfit
from simsvc.flows.gallery.build_index import BuildRequest, build
from simsvc.flows.parallel import LocalThreads
from simsvc.settings import Settings
from simsvc.wiring.bulk import bulk_into
from simsvc.wiring.indexing import index_services
from simsvc.wiring.services import Services
from simsvc.wiring.wide import HostOrder, host_order, open_embedding, open_looking
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def order(site: Settings) -> HostOrder:
    pipeline = Services(site).pipeline()
    probe = next(site.gallery_dir.glob("*.jpg"))
    return host_order(site, "onnxruntime", pipeline.model.engine, pipeline.bundle_sha256 or "", probe)


def test_local_threads_by_the_same_port_build_the_same(
    site: Settings, order: HostOrder, tmp_path: Path
) -> None:
    """Work that is done photo by photo, as on hosts, gives the build that chunks of photos give."""
    labels = []
    for name, wide in (("here", None), ("wide", LocalThreads(open_embedding(order), 2))):
        services = index_services(site.model_copy(update={"index_root": tmp_path / name}))
        request = BuildRequest("demo", (read_source("demo", site.gallery_dir),), wide=wide)
        model, detector = services.model("onnx"), services.detector
        manifest = build(
            request, detector, model, services.shelf, on_built=lambda *_: None, progress=lambda *_: None
        )
        labels.append(manifest.label)
    assert labels[0] == labels[1]


def test_an_interrupted_wide_build_resumes(site: Settings, order: HostOrder, tmp_path: Path) -> None:
    """Photos that were embedded before the build was cut off are not sent to hosts again."""
    embedding, sent = open_embedding(order), []
    stop_at = 20

    def work(job: Any) -> Any:
        if len(sent) == stop_at:
            raise KeyboardInterrupt
        sent.append(job)
        return embedding(job)

    services = index_services(site.model_copy(update={"index_root": tmp_path / "indexes"}))
    source = read_source("demo", site.gallery_dir)
    request = BuildRequest("demo", (source,), wide=LocalThreads(work, 1, ahead=1))
    arguments = request, services.detector, services.model("onnx"), services.shelf
    with pytest.raises(KeyboardInterrupt):
        build(*arguments, on_built=lambda *_: None, progress=lambda *_: None)
    stop_at = 10_000
    build(*arguments, on_built=lambda *_: None, progress=lambda *_: None)
    assert len(sent) - len(source.photos) < 8


def test_photos_are_kept_where_hosts_look_at_them(site: Settings, order: HostOrder, tmp_path: Path) -> None:
    """Where photos are kept, the record of a photo that a host looked at has it, too."""
    services = Services(site)
    files = [photo_file(path) for path in sorted(site.gallery_dir.glob("*.jpg"))[:3]]
    with bulk_into(services, tmp_path / "x.csv", recorded=False) as bulk:
        keeping = replace(bulk.pipeline, keep_photos=True)
        wide = replace(bulk, pipeline=keeping, wide=LocalThreads(open_looking(order), 2))
        kept = [one.estimate.photo for one in wide.judged(files)]
    assert kept == [file.path.read_bytes() for file in files]


def test_a_host_with_another_model_is_named(order: HostOrder, tmp_path: Path) -> None:
    """A host whose model differs from the wanted one says which both are."""
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    with pytest.raises(HostUnfit) as raised:
        open_looking(replace(order, bundle_dir=other))
    assert raised.value.reason == "model"


def test_a_host_without_a_model_is_named(
    order: HostOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that has no model at all says so."""
    monkeypatch.setenv("SIMSVC_BUNDLE_DIR", str(tmp_path / "none"))
    with pytest.raises(HostUnfit) as raised:
        open_looking(replace(order, bundle_dir=tmp_path / "gone"))
    assert raised.value.reason == "model_missing"


def test_a_host_takes_the_model_of_its_own_settings(
    order: HostOrder, site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host may have the same model under another path, which its own settings name."""
    monkeypatch.setenv("SIMSVC_BUNDLE_DIR", str(site.bundle_dir))
    assert open_looking(replace(order, bundle_dir=tmp_path / "gone")).sight.model.sha256


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "0.0.1"}, "version"),
        ({"engine_name": "openvino fp32"}, "engine"),
        ({"probe": Path("/no/such/photo.jpg")}, "photos"),
    ],
)
def test_a_host_that_would_answer_otherwise_is_refused(
    order: HostOrder, change: dict[str, Any], reason: str
) -> None:
    """Another version, another way to compute, and photos that a host does not have are told apart."""
    with pytest.raises(HostUnfit) as raised:
        open_looking(replace(order, **change))
    assert raised.value.reason == reason


def test_a_gpu_without_its_library_is_told(order: HostOrder) -> None:
    """Without ONNX Runtime for CUDA, a host says what to install."""
    with pytest.raises(EngineMissing) as raised:
        open_looking(replace(order, device="cuda"))
    assert raised.value.reason == "cuda"
