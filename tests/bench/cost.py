"""`python -m tests.bench.cost > docs/explanation/cost.md`: what requests and faces need."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

RATES = (1, 10, 100)
FACES = (100_000, 1_000_000, 10_000_000)
BUSY = 0.7
"""Share of the cores' time that may be work. Beyond it waiting grows steeply: with Poisson arrivals and one
server the mean wait is busy / (1 - busy) of a piece of work, 2.3 at 0.7 and 9 at 0.9; several cores wait
less. Source: Kleinrock, Queueing Systems I (1975), section 3.2 (M/M/1)."""
SYSTEM_GB = 1.0
"""Kept free for the operating system."""
DAY_S = 86_400
HEADING = (
    "requests a second",
    "faces",
    "cores",
    "memory, GB",
    "index on disk, GB",
    "build, hours",
    "records a day, GB",
    "SQLite's writer is busy",
)
PAGE = """---
hide: [toc]
---

# Cost

Written by `python -m tests.bench.cost` from `bench.json` (`make bench`) and `bench-index.json`
(`make bench-index`), which are in the same folder as this page.

{table}

- *Cores*: enough to be {busy:.0%} busy, with the processor time of a request under 32 clients, over HTTP,
  recording included.
- *Memory*: {system_gb:g} GB for the system, a worker for each core, and one copy of the index.
- *SQLite's writer*: each record needs SQLite's only writer for {writer_ms:.1f} ms. If it is not fast enough,
  or one machine has too few cores, use PostgreSQL.
- Indexes were measured at {sizes} faces. Sizes and memory of others are
  extrapolated linearly from the two largest, times by a power law.
"""


def page(bench: Mapping[str, Any], index: Mapping[str, Any]) -> str:
    """Return docs/explanation/cost.md of what `make bench` and `make bench-index` measured."""
    rows = [HEADING, ["---"] * len(HEADING), *(row(bench, index, r, f) for r in RATES for f in FACES)]
    return PAGE.format(
        table="\n".join(f"| {' | '.join(cells)} |" for cells in rows),
        busy=BUSY,
        system_gb=SYSTEM_GB,
        writer_ms=writer_ms(bench),
        sizes=", ".join(f"{size:,}" for size in sorted(points(index, "build", "folder_mb"))),
    )


def row(bench: Mapping[str, Any], index: Mapping[str, Any], rate: int, faces: int) -> tuple[str, ...]:
    """Return what so many requests a second and so many faces need."""
    server, bulk = bench["server"], bench["bulk"]
    search_ms = grown(points(index, "serve", "24 nearest", "p50_ms"), faces, power=True)
    least_ms = min(points(index, "serve", "24 nearest", "p50_ms").values())
    cpu_ms = server["32 clients, sustained"]["server_cpu_ms"] + max(0.0, search_ms - least_ms)
    cores = max(1, math.ceil(rate * cpu_ms / 1_000 / BUSY))
    worker_mb = server["memory of a worker"]["end_mb"] + grown(points(index, "serve", "private_mb"), faces)
    memory_gb = SYSTEM_GB + (cores * worker_mb + grown(points(index, "serve", "mapped_mb"), faces)) / 1_000
    thumbnails_gb = faces * bulk["index build"]["thumbnail_kb_a_face"] / 1e6
    build_s = faces / bulk["index build"]["photos_alone_a_second"]
    build_s += grown(points(index, "build", "finish_s"), faces, power=True)
    return (
        f"{rate:,}",
        f"{faces:,}",
        f"{cores:,}",
        f"{memory_gb:,.1f}",
        f"{grown(points(index, 'build', 'folder_mb'), faces) / 1_000 + thumbnails_gb:,.1f}",
        f"{build_s / 3_600:,.1f}",
        f"{rate * DAY_S * bulk['estimates, on record']['kb_a_record'] / 1e6:,.1f}",
        f"{rate * writer_ms(bench) / 1_000:.1%}",
    )


def writer_ms(bench: Mapping[str, Any]) -> float:
    """Return for how long a record holds the writer: an answer on record less one in memory."""
    answers = bench["640 px"]
    return float(answers["answer, recorded"]["p50_ms"] - answers["answer, in memory"]["p50_ms"])


def points(index: Mapping[str, Any], *path: str) -> dict[int, float]:
    """Return the figure at a path of keys below each size of the service's own index."""
    found = {}
    for size, entry in index["service"].items():
        for key in path:
            entry = entry[key]  # noqa: PLW2901 - one step down
        found[int(size)] = float(entry)
    return found


def grown(measured: Mapping[int, float], faces: int, *, power: bool = False) -> float:
    """Return the figure of so many faces on the line, or power, through the two largest sizes measured."""
    sizes = sorted(measured)[-2:]
    x, y = np.array(sizes, float), np.array([measured[size] for size in sizes])
    if power:
        return float(np.exp(np.polyval(np.polyfit(np.log(x), np.log(y), 1), np.log(faces))))
    return float(np.polyval(np.polyfit(x, y, 1), faces))


if __name__ == "__main__":
    told = [
        json.loads(Path("docs/explanation", name).read_text()) for name in ("bench.json", "bench-index.json")
    ]
    sys.stdout.write(page(*told))
