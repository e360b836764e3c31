"""The service's own index, from draft to answer, at one size: `python -m tests.bench.index.port STEP FOLDER`.

The rows get made-up labels and no thumbnails to speak of; all else is what `flask index build` does after the
model, and what a worker does with the build.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.engines.annoy_index import AnnoyIndex
from simsvc.domain.gallery.manifest import BuildFacts, ModelSummary
from simsvc.values import FaceFilter, LabelledFace
from tests.bench.index.vectors import K
from tests.bench.machine import status_mb

FACTS = BuildFacts(ModelSummary("bench", "be" * 32, "onnx", 1.1), (), ())
FILTERS = {
    "nine of ten by source": FaceFilter(frozenset({"large"})),
    "one of ten by source": FaceFilter(frozenset({"small"})),
    "ages 30 to 39": FaceFilter(ages_years=(30.0, 39.0)),
    "one of a thousand": FaceFilter(frozenset({"small"}), (30.0, 30.9)),
}
ASKED = 100


def face_of(item: int) -> LabelledFace:
    """Return a made-up label: a tenth of the faces of a small source, ages evenly spread."""
    source = "small" if item % 10 == 3 else "large"
    return LabelledFace(
        f"f{item * 2_654_435_761 % 2**64:016x}", item // 10 % 1_000 / 10, source, f"a/{item:07}.jpg"
    )


def built(root: Path, rows: np.ndarray) -> dict[str, object]:
    """Build, and return seconds, the manifest's choice, size, and the most memory taken."""
    with IndexStore(root).draft("bench") as draft:
        for item, row in enumerate(rows):
            draft.add(face_of(item), row, b"jpeg")
        start = time.perf_counter()
        manifest = draft.finish(FACTS)
    return {
        "finish_s": round(time.perf_counter() - start, 1),
        "trees": manifest.trees,
        "search_k": manifest.search_k,
        "recall": manifest.recall,
        "folder_mb": round(sum(entry.bytes for entry in manifest.files.values()) / 1e6, 1),
        "build_peak_mb": status_mb("VmHWM"),
    }


def served(root: Path, rows: np.ndarray, questions: np.ndarray) -> dict[str, object]:
    """Open the build and ask it; return seconds, memory, and time and recall with and without filters."""
    before, start = status_mb("RssAnon"), time.perf_counter()
    index = AnnoyIndex(next(root.glob("bench/b-*")), FACTS.model.sha256)
    report: dict[str, object] = {"open_s": round(time.perf_counter() - start, 2)}
    for question in questions:
        index.search(question, K)
    report |= {"private_mb": round(status_mb("RssAnon") - before, 1), "mapped_mb": status_mb("RssFile")}
    report["10 nearest"] = answers(lambda q: index.search(q, K), questions)
    report["24 nearest"] = answers(lambda q: index.search(q, 24), questions)
    for name, wanted in FILTERS.items():
        index.search(questions[0], K, wanted)
        passing = np.flatnonzero(index.faces.mask(wanted))
        if len(passing):
            report[name] = answers(lambda q, w=wanted: index.search(q, K, w), questions, rows[passing])
    return report


def answers(search: Callable[..., tuple], questions: np.ndarray, allowed: np.ndarray | None = None) -> dict:
    """Return median ms, and recall@10 where the allowed rows are given."""
    times_s, hits, wanted = [], 0, 0
    for question in questions[:ASKED]:
        start = time.perf_counter()
        found = search(question)
        times_s.append(time.perf_counter() - start)
        if allowed is not None:
            k = min(K, len(allowed))
            least = np.partition(allowed @ question, -k)[-k] - 1e-5
            hits, wanted = hits + sum(near.similarity >= least for near in found), wanted + k
    report = {"p50_ms": round(1e3 * float(np.median(times_s)), 3)}
    return report | ({"recall": round(hits / wanted, 4), "passing": len(allowed)} if wanted else {})


def as_objects(count: int) -> dict[str, object]:
    """Hold so many labels as Python objects with a table by id, as builds of before were held."""
    before = status_mb("RssAnon")
    faces = tuple(face_of(item) for item in range(count))
    table = {face.face_id: item for item, face in enumerate(faces)}
    return {"labels_as_objects_mb": round(status_mb("RssAnon") - before, 1), "labels": len(table)}


def main() -> int:
    """Measure and print one step: build, serve or objects."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    rows = np.load(folder / "rows.npy", mmap_mode=None if step == "build" else "r")
    if step == "build":
        report = built(folder / "shelf", rows)
    elif step == "serve":
        report = served(folder / "shelf", rows, np.load(folder / "questions.npy"))
    else:
        report = as_objects(len(rows))
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
