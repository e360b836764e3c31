"""`python -m tests.bench.ray_rate`: bulk estimates by Ray beside those of this process, on one host.

Each turn estimates the same photos by the local threads and then by a Ray cluster with as many cores, so that
a machine that is slower in some minutes is slower for both. Rates are of whole runs, with the start of the
processes, and steady, after the first photos.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from simsvc.adapters.photos.photo_files import PhotoFile, list_photos, photo_file
from simsvc.adapters.photos.sources import read_source
from simsvc.settings import Settings, cores, load_settings
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.wiring.bulk import bulk_into
from simsvc.wiring.services import Services
from tests.bench.bulk import UTKFACE
from tests.ray_cluster import QUIET, small_cluster
from tests.small_site import build_index

FIRST = 128
"""Photos before the steady rate is measured: two batches."""


def main() -> None:
    """Measure, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    os.environ.update(QUIET)
    with tempfile.TemporaryDirectory() as folder:
        services = Services(_site(Path(folder)))
        files = _photos(services.settings, options.photos)
        with small_cluster(cores()) as cluster:
            turns = [_turn(services, files, Path(folder), cluster.address) for _ in range(options.turns)]
    _print(len(files), turns)


def _turn(services: Services, files: Sequence[PhotoFile], folder: Path, address: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, ray in (("local", None), ("ray", address)):
        out = folder / f"{name}-{time.monotonic_ns()}.csv"
        times = [time.perf_counter()]
        with bulk_into(services, out, recorded=True, ray=ray, probe=files[0].path) as bulk:
            bulk.judge(bulk.waiting(files), lambda times=times: times.append(time.perf_counter()))
        end = time.perf_counter()
        found[f"{name}_whole_a_second"] = len(files) / (end - times[0])
        found[f"{name}_steady_a_second"] = (len(files) - FIRST) / (end - times[FIRST])
        found[f"{name}_first_s"] = times[1] - times[0]
    print(json.dumps({name: round(value, 2) for name, value in found.items()}), flush=True)
    return found


def _print(photos: int, turns: Sequence[dict[str, float]]) -> None:
    middle = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    print(f"{photos:,} photos, {cores()} cores, median of {len(turns)} turns")
    for kind in ("whole", "steady"):
        shares = [turn[f"ray_{kind}_a_second"] / turn[f"local_{kind}_a_second"] for turn in turns]
        local, ray = (middle[f"{name}_{kind}_a_second"] for name in ("local", "ray"))
        share = statistics.median(shares)
        print(f"{kind}: local {local:.1f}, Ray {ray:.1f} photos a second; Ray by local: {share:.3f}")


def _site(folder: Path) -> Settings:
    settings = load_settings({}).model_copy(
        update={
            "index_root": folder / "indexes",
            "database_url": f"sqlite:///{folder / 'simsvc.sqlite3'}",
            "log_key_file": folder / "keys" / "log-key.pem",
            "model_root": folder / "models",
        }
    )
    database = Database(settings.database_url)
    migrate.upgrade(database.engine)
    database.close()
    build_index(settings, read_source("demo", settings.gallery_dir))
    return settings


def _photos(settings: Settings, count: int) -> list[PhotoFile]:
    if not UTKFACE.is_dir():
        return list_photos([settings.gallery_dir]).files[:count]
    photos = read_source("utkface", UTKFACE).photos
    step = max(1, len(photos) // count)
    return [photo_file(photo.path) for photo in photos[::step][:count]]


if __name__ == "__main__":
    main()
