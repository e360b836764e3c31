"""One library and one size in a process of its own: `python -m tests.bench.index.one STEP LIBRARY FOLDER`.

FOLDER holds rows.npy, questions.npy and least.npy. STEP is "build" or "search"; what was measured is printed
as JSON. Processes of their own, because memory is that of the process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from tests.bench.index.peers import PEERS, Peer
from tests.bench.index.vectors import K
from tests.bench.machine import status_mb

TIE = 1e-5
"""float32 products of the libraries differ by less."""
EXACT_QUESTIONS = 100
"""Of the exact search, which always takes as long."""


def built(peer: Peer, folder: Path, path: Path) -> dict[str, object]:
    """Build, and return seconds, file size and peak memory, of which the rows are a part."""
    rows = np.load(folder / "rows.npy")
    start = time.perf_counter()
    peer.build(rows, path)
    return {
        "build_s": round(time.perf_counter() - start, 2),
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "build_peak_mb": status_mb("VmHWM"),
        "rows_mb": round(rows.nbytes / 1e6, 1),
        "settings": peer.settings,
    }


def searched(peer: Peer, folder: Path, path: Path) -> dict[str, object]:
    """Search with rising effort; return the curve, and what the process holds afterwards."""
    rows = np.load(folder / "rows.npy", mmap_mode="r")
    questions, least = np.load(folder / "questions.npy"), np.load(folder / "least.npy")
    before = status_mb("RssAnon")
    start = time.perf_counter()
    peer.open(path, rows.shape[1])
    open_s = time.perf_counter() - start
    asked = EXACT_QUESTIONS if len(peer.efforts) == 1 else len(questions)
    for question in questions:
        peer.find(question, K, peer.efforts[-1])  # its pages come from the disk now
        if len(peer.efforts) == 1:
            break
    held = {"private_mb": round(status_mb("RssAnon") - before, 1), "mapped_mb": status_mb("RssFile")}
    found = [[timed(peer, question, effort) for question in questions[:asked]] for effort in peer.efforts]
    curve = [
        {"effort": effort, **point(one, rows, questions, least)}
        for effort, one in zip(peer.efforts, found, strict=True)
    ]
    chosen = {"chosen": peer.chosen} if hasattr(peer, "chosen") else {}
    return {"open_s": round(open_s, 3), **held, "curve": curve, **chosen}


Timed = tuple[float, np.ndarray]


def timed(peer: Peer, question: np.ndarray, effort: int) -> Timed:
    """Return seconds and items of one search."""
    start = time.perf_counter()
    items = peer.find(question, K, effort)
    return time.perf_counter() - start, items


def point(found: list[Timed], rows: np.ndarray, questions: np.ndarray, least: np.ndarray) -> dict[str, float]:
    """Return recall@10, median and 95th percentile in ms, and searches a second of one thread."""
    times_s = np.asarray([seconds for seconds, _ in found])
    hits = sum(
        int((rows[np.sort(items[items >= 0])] @ questions[at] >= least[at] - TIE).sum())
        for at, (_, items) in enumerate(found)
    )
    return {
        "recall": round(hits / (K * len(found)), 4),
        "p50_ms": round(1e3 * float(np.median(times_s)), 3),
        "p95_ms": round(1e3 * float(np.percentile(times_s, 95)), 3),
        "a_second": round(len(found) / float(times_s.sum()), 1),
    }


def main() -> int:
    """Measure and print."""
    step, library, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    path = folder / f"{library}.index"
    print(json.dumps((built if step == "build" else searched)(PEERS[library](), folder, path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
