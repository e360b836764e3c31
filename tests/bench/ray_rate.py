"""`python -m tests.bench.ray_rate`: bulk estimates by Ray beside those of this process, on one host.

Each turn estimates the same photos by the local threads and then by a Ray cluster with as many cores, so that
a machine that is slower in some minutes is slower for both. Rates are of whole runs, with the start of the
processes, and steady, without the time of a run of few photos. Where other programs take a part of the cores,
only processor time means something: that of this process and of all processes of the cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
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

FEW = 64
"""Photos of a run whose time is taken off, for the steady rate: one block."""
EVERY_S = 0.5
"""Seconds between two looks at the processor time of processes that may end."""


def main() -> None:
    """Measure, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=5_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    os.environ.update(QUIET)
    with tempfile.TemporaryDirectory() as folder:
        services = Services(_site(Path(folder)))
        files = _photos(services.settings, options.photos)
        with small_cluster(cores()) as cluster:
            meter = Meter(cluster.nodes[0].pid)
            meter.start()
            turns = [
                _turn(services, files, Path(folder), cluster.address, meter) for _ in range(options.turns)
            ]
    _print(len(files), turns)


def _turn(
    services: Services, files: Sequence[PhotoFile], folder: Path, address: str, meter: Meter
) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, ray in (("local", None), ("ray", address)):
        few_s, few_cpu_s = _run(services, files[:FEW], folder, ray, meter)
        all_s, all_cpu_s = _run(services, files, folder, ray, meter)
        found[f"{name}_whole_a_second"] = len(files) / all_s
        found[f"{name}_whole_cpu_ms"] = all_cpu_s * 1e3 / len(files)
        found[f"{name}_steady_a_second"] = (len(files) - FEW) / (all_s - few_s)
        found[f"{name}_steady_cpu_ms"] = (all_cpu_s - few_cpu_s) * 1e3 / (len(files) - FEW)
        found[f"{name}_few_s"] = few_s
    print(json.dumps({name: round(value, 2) for name, value in found.items()}), flush=True)
    return found


def _run(
    services: Services, files: Sequence[PhotoFile], folder: Path, ray: str | None, meter: Meter
) -> tuple[float, float]:
    """Return the seconds of a run, and those of processors."""
    out = folder / f"{time.monotonic_ns()}.csv"
    start, used_s = time.perf_counter(), meter.look()
    with bulk_into(services, out, recorded=True, ray=ray, probe=files[0].path) as bulk:
        bulk.judge(bulk.waiting(files), lambda: None)
    return time.perf_counter() - start, meter.look() - used_s


def _print(photos: int, turns: Sequence[dict[str, float]]) -> None:
    middle = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    print(f"{photos:,} photos, {cores()} cores, median of {len(turns)} turns")
    for kind in ("whole", "steady"):
        shares = [turn[f"ray_{kind}_a_second"] / turn[f"local_{kind}_a_second"] for turn in turns]
        local, ray = (middle[f"{name}_{kind}_a_second"] for name in ("local", "ray"))
        share = statistics.median(shares)
        print(f"{kind}: local {local:.1f}, Ray {ray:.1f} photos a second; Ray by local: {share:.3f}")
        local, ray = (middle[f"{name}_{kind}_cpu_ms"] for name in ("local", "ray"))
        print(
            f"{kind}: local {local:.1f}, Ray {ray:.1f} ms of a core a photo; rate by that: {local / ray:.3f}"
        )


class Meter(threading.Thread):
    """Adds up the processor time of this process and of a head's descendants, those that end included."""

    def __init__(self, head: int) -> None:
        super().__init__(daemon=True)
        self._head, self._used = head, dict[int, int]()

    def run(self) -> None:
        """Look again and again: what a process used after the last look is not counted."""
        while True:
            self.look()
            time.sleep(EVERY_S)

    def look(self) -> float:
        """Return the seconds used up to now."""
        parents, used = {}, {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            pid = int(stat.parent.name)
            parents[pid], used[pid] = int(words[1]), int(words[11]) + int(words[12])
        there = {self._head} & set(used)
        while more := {pid for pid, parent in parents.items() if parent in there} - there:
            there |= more
        self._used.update((pid, used[pid]) for pid in there)
        return time.process_time() + sum(self._used.values()) / os.sysconf("SC_CLK_TCK")


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
