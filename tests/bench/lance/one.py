"""One engine and one size in a process of its own: `python -m tests.bench.lance.one STEP ENGINE FOLDER`.

FOLDER holds rows.npy, questions.npy and least.npy. STEP is "build", "search" or, of Lance, "copies"; what was
measured is printed as JSON. Processes of their own, because memory is that of the process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.domain.gallery.importing.same_photo import FARTHEST_COPIES
from simsvc.domain.gallery.partitioning import near_items
from tests.bench.index.one import EXACT_QUESTIONS, Timed, point
from tests.bench.index.vectors import K
from tests.bench.lance.engines import ENGINES, NOT_REFINED, Find
from tests.bench.machine import status_mb


def built(name: str, folder: Path) -> dict[str, Any]:
    """Build, and return seconds, size on disk and peak memory, which does not count the mapped rows."""
    rows = np.load(folder / "rows.npy", mmap_mode="r")
    place = folder / name
    place.mkdir()
    start = time.perf_counter()
    found = ENGINES[name]().build(rows, place)
    taken = round(time.perf_counter() - start, 1)
    size = disk_mb(place) if name != "pgvector" else found["table_mb"] + found["index_mb"]
    peak = found.pop("server_peak_mb", None) or status_mb("VmHWM")
    return {"build_s": taken, "disk_mb": round(size, 1), "build_peak_mb": peak, **found}


def disk_mb(place: Path) -> float:
    """Return the size of every file in a folder."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) / 1e6


def searched(name: str, folder: Path) -> dict[str, Any]:
    """Search with rising effort; return the curve, and the memory that the process holds afterwards."""
    rows = np.load(folder / "rows.npy", mmap_mode="r")
    questions, least = np.load(folder / "questions.npy"), np.load(folder / "least.npy")
    before, engine = status_mb("RssAnon"), ENGINES[name]()
    start = time.perf_counter()
    find = engine.open(folder / name, rows.shape[1])
    find(questions[0], K, engine.efforts[0])
    open_s = time.perf_counter() - start
    asked = questions[: EXACT_QUESTIONS if len(engine.efforts) == 1 else None]
    curve = []
    for effort in engine.efforts:
        first = float(np.median([seconds for seconds, _ in timed(find, asked, effort)]))
        found = timed(find, asked, effort)  # again: its pages are in memory now
        curve.append(
            {"effort": effort, "first_ms": round(1e3 * first, 2), **point(found, rows, questions, least)}
        )
    told: dict[str, Any] = {"open_s": round(open_s, 3), "curve": curve}
    told |= {"private_mb": round(status_mb("RssAnon") - before, 1)}
    if name == "lance":
        find = NOT_REFINED().open(folder / name, rows.shape[1])
        told["codes_alone"] = [
            {"effort": effort, **point(timed(find, asked, effort), rows, questions, least)}
            for effort in engine.efforts[-2:]
        ]
    if hasattr(engine, "close"):
        engine.close()
    return told


def timed(find: Find, questions: np.ndarray, effort: int) -> list[Timed]:
    """Return seconds and items of each search, one after the other."""
    found = []
    for question in questions:
        start = time.perf_counter()
        items = find(question, K, effort)
        found.append((time.perf_counter() - start, np.asarray(items)))
    return found


def copies(name: str, folder: Path) -> dict[str, Any]:
    """Return how long a Lance build takes to list what may be copies, and how many vectors have such."""
    rows, centres = np.load(folder / "rows.npy", mmap_mode="r"), np.load(folder / name / "centres.npy")
    start = time.perf_counter()
    with_any = {item for item, _, _ in near_items(rows, centres, FARTHEST_COPIES)}
    return {"copies_s": round(time.perf_counter() - start, 1), "with_near_ones": len(with_any)}


STEPS = {"build": built, "search": searched, "copies": copies}


def main() -> int:
    """Measure and print."""
    step, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    print(json.dumps(STEPS[step](name, folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
