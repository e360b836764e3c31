"""Many faces at once: index build and `flask estimate --out`, each beside the bare model."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.files.gallery import THUMBNAILS
from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel
from simsvc.adapters.photos.photo_files import photo_file
from simsvc.adapters.photos.sources import read_source
from simsvc.domain.gallery.labelled_faces import LabelledSource
from simsvc.domain.gallery.manifest import EngineName
from simsvc.domain.photo.crop import crop
from simsvc.flows.gallery.build_index import BuildRequest, build
from simsvc.ports import Model
from simsvc.settings import Settings, cores
from simsvc.values import Crop, Face
from simsvc.wiring.bulk import bulk_into
from simsvc.wiring.services import Services
from tests.bench.model import has_openvino
from tests.bench.timing import Figures, Row

UTKFACE = Path("../shared/data/utkface")
MOST = 2_000
BARE_S = 3.0
BATCHES = {"by single faces": 1, "by eights": 8, "by 32": 32}


def figures(settings: Settings, services: Services, folder: Path) -> Figures:
    """Return photos a second of the bare model, of a build and of bulk estimates, and what they leave behind.

    The bare model is given finished crops by all cores, in several ways, of which the fastest counts; it is
    asked before and after each of the others, because machines are slower in some minutes.

    Args:
        settings: of the bench's own installation, with an index in service.
        services: of the same.
        folder: for what is written, in a folder of its own.
    """
    folder = folder / "bulk"
    folder.mkdir()
    source = photos(settings, folder)
    crops = _crops(source, load_bundle(settings.bundle_dir).size_px)
    found: Figures = {"photos": {"count": len(source.photos), "cores": cores()}}
    ways = [_bare(settings, crops)]
    steps: dict[str, Callable[[], Row]] = {
        "index build": lambda: _built(services, source, folder / "indexes"),
        **_by_openvino(services, source, folder),
        "estimates, on record": lambda: _estimated(services, source, folder / "recorded.csv", recorded=True),
        "estimates, not recorded": lambda: _estimated(services, source, folder / "bare.csv", recorded=False),
    }
    for name, step in steps.items():
        used = time.process_time()
        row = step()
        row["cpu_ms"] = round((time.process_time() - used) * 1e3 / len(source.photos), 2)
        ways.append(_bare(settings, crops))
        found[name] = {**row, **_beside(row, ways[-2:])}
    for name in ways[0]:
        found[f"bare model, {name}"] = {
            key: round(statistics.median(way[name][key] for way in ways), 2) for key in ("a_second", "cpu_ms")
        }
    return found


def _beside(row: Row, ways: Sequence[Figures]) -> Row:
    """Return the bare model's rate before and after, and a rate's share of it: by clock, and by cores.

    Where other programs take a part of the cores, only the share by processor time means something.
    """
    bare = statistics.mean(max(one["a_second"] for one in way.values()) for way in ways)
    bare_cpu_ms = statistics.mean(min(one["cpu_ms"] for one in way.values()) for way in ways)
    return {
        "bare_model_a_second": round(bare, 1),
        "of_bare_model": round(row["a_second"] / bare, 3),
        "of_bare_model_by_cpu": round(bare_cpu_ms / row["cpu_ms"], 3),
    }


def photos(settings: Settings, folder: Path) -> LabelledSource:
    """Return up to `MOST` photos of UTKFace, evenly spread, or links to the composites."""
    if UTKFACE.is_dir():
        source = read_source("utkface", UTKFACE)
        step = max(1, len(source.photos) // MOST)
        return replace(source, photos=source.photos[::step][:MOST], skipped=())
    source = read_source("demo", settings.gallery_dir)
    links = folder / "composites"
    links.mkdir()
    repeated = [
        replace(photo, path=links / f"{round_}-{photo.path.name}", reference=f"{round_}-{photo.reference}")
        for round_ in range(-(-MOST // len(source.photos)))
        for photo in source.photos
    ][:MOST]
    for photo in repeated:
        photo.path.symlink_to((settings.gallery_dir / photo.path.name.partition("-")[2]).absolute())
    return replace(source, photos=tuple(repeated), skipped=())


def _crops(source: LabelledSource, side_px: int) -> list[Crop]:
    """Return the middle of 32 photos as crops."""
    crops = []
    for photo in source.photos[:32]:
        with Image.open(photo.path) as image:
            side = min(image.size)
            whole = Face((image.width - side) / 2, (image.height - side) / 2, side, side, 1.0)
            crops.append(crop(np.asarray(image.convert("RGB")), whole, side_px, 1.0))
    return crops


def _bare(settings: Settings, crops: Sequence[Crop]) -> Figures:
    """Return faces a second, and a core's ms a face, of the model: a thread for a pass, or all for one."""
    bundle = load_bundle(settings.bundle_dir)
    alone, wide = OnnxModel(bundle, 1), OnnxModel(bundle, cores())
    ways = {f"{name}, a thread each": _by_threads(alone, crops[:size]) for name, size in BATCHES.items()}
    ways[f"by {len(crops)}, all threads on each"] = _by_threads(wide, crops, 1)
    return ways


def _by_threads(model: Model, crops: Sequence[Crop], threads: int | None = None) -> Row:
    """Return what so many threads, or as many as cores, put through one model."""
    callers = threads or cores()
    done = [0] * callers
    model.predict(crops)
    start, used = time.perf_counter(), time.process_time()

    def call(place: int) -> None:
        while not done[place] or time.perf_counter() - start < BARE_S / len(BATCHES):
            model.predict(crops)
            done[place] += len(crops)

    running = [threading.Thread(target=call, args=(place,)) for place in range(callers)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    taken_s, cpu_s = time.perf_counter() - start, time.process_time() - used
    return {"a_second": sum(done) / taken_s, "cpu_ms": cpu_s * 1e3 / sum(done)}


def _by_openvino(services: Services, source: LabelledSource, folder: Path) -> dict[str, Callable[[], Row]]:
    """Return the same build by OpenVINO, where that is installed."""
    if not has_openvino():
        return {}
    bundle = load_bundle(services.settings.bundle_dir)

    def build_() -> Row:
        model = OpenVinoModel(bundle, callers=cores())
        return _built(services, source, folder / "indexes-openvino", model)

    return {"index build by OpenVINO": build_}


def _built(services: Services, source: LabelledSource, root: Path, model: Model | None = None) -> Row:
    """Build an index of the photos; return rates with and without what follows the last photo."""
    pipeline, last = services.pipeline(), [0.0]
    engine: EngineName = "openvino" if model else "onnx"
    shelf = IndexStore(root)

    def progress(_done: int, _total: int) -> None:
        last[0] = time.perf_counter()

    request = BuildRequest("bench", (source,), engine, workers=cores())
    start = time.perf_counter()
    by = model or pipeline.model
    manifest = build(request, pipeline.detector, by, shelf, on_built=lambda *_: None, progress=progress)
    whole_s = time.perf_counter() - start
    return {
        "a_second": round(len(source.photos) / whole_s, 1),
        "photos_alone_a_second": round(len(source.photos) / (last[0] - start), 1),
        "finish_s": round(start + whole_s - last[0], 2),
        "thumbnail_kb_a_face": round(manifest.files[THUMBNAILS].bytes / manifest.count / 1e3, 2),
    }


def _estimated(services: Services, source: LabelledSource, out: Path, *, recorded: bool) -> Row:
    """Judge the photos into a table; return the rate, and what a record takes in SQLite."""
    files = [photo_file(photo.path) for photo in source.photos]
    before, start = _database_bytes(services), time.perf_counter()
    with bulk_into(services, out, recorded=recorded) as bulk:
        bulk.judge(bulk.waiting(files), lambda: None)
    row = {"a_second": round(len(files) / (time.perf_counter() - start), 1)}
    grown = _database_bytes(services) - before
    return {**row, "kb_a_record": round(grown / len(files) / 1e3, 2)} if recorded and grown > 0 else row


def _database_bytes(services: Services) -> int:
    """Return the size of SQLite's file with its log folded in; 0 for another database."""
    name = services.database.engine.url.database
    if services.database.engine.dialect.name != "sqlite" or not name:
        return 0
    services.database.fold_in(15)
    return Path(name).stat().st_size
