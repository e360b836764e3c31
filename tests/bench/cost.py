"""`python -m tests.bench.cost`: what requests and faces need, from bench.json and bench-index.json.

Writes docs/explanation/cost.md. A figure that was not measured leaves its cells empty; a sentence says which.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.cost_figures import Measured
from tests.bench.cost_tables import page

FOLDER = Path("docs/explanation")
BENCH, INDEX, OUT = FOLDER / "bench.json", FOLDER / "bench-index.json", FOLDER / "cost.md"
Document = Mapping[str, Any]


def number(document: Any, *path: str) -> float | None:
    """Return the number at a path of keys, or None where anything is missing or no number."""
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return float(document) if isinstance(document, (int, float)) and not isinstance(document, bool) else None


def by_faces(index: Document, *path: str) -> dict[int, float]:
    """Return the numbers at a path below each size of the service's own index."""
    sizes = index.get("service")
    found = {
        int(size): number(entry, *path)
        for size, entry in (sizes.items() if isinstance(sizes, Mapping) else ())
        if str(size).isdigit()
    }
    return {size: value for size, value in found.items() if value is not None}


def measured(bench: Document, index: Document) -> Measured:
    """Read the two files, as far as they go."""
    recorded = number(bench, "640 px", "answer, recorded", "p50_ms")
    in_memory = number(bench, "640 px", "answer, in memory", "p50_ms")
    return Measured(
        machine=_machine(bench.get("machine")),
        request_cpu_ms=number(bench, "server", "32 clients, sustained", "server_cpu_ms"),
        worker_mb=number(bench, "server", "memory of a worker", "end_mb"),
        recorded_ms=None if recorded is None or in_memory is None else max(0.01, recorded - in_memory),
        record_kb=number(bench, "bulk", "estimates, on record", "kb_a_record"),
        bulk_a_second=number(bench, "bulk", "estimates, on record", "a_second"),
        build_a_second=number(bench, "bulk", "index build", "photos_alone_a_second"),
        thumbnail_kb=number(bench, "bulk", "index build", "thumbnail_kb_a_face"),
        cores=number(bench, "bulk", "photos", "cores") or Measured().cores,
        finish_s=by_faces(index, "build", "finish_s"),
        folder_mb=by_faces(index, "build", "folder_mb"),
        mapped_mb=by_faces(index, "serve", "mapped_mb"),
        private_mb=by_faces(index, "serve", "private_mb"),
        peak_mb=by_faces(index, "build", "build_peak_mb"),
        search_ms=by_faces(index, "serve", "24 nearest", "p50_ms"),
    )


def _machine(told: object) -> str:
    """Return what the bench says of its machine in one line, whether it is a line or a table."""
    if isinstance(told, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())
    return str(told or Measured().machine)


def read(path: Path) -> Document:
    """Return a JSON document; an empty one, saying so, where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        print(f"{path} is missing or no JSON, so what rests on it is left out.")
        return {}
    return document if isinstance(document, Mapping) else {}


def main() -> int:
    """Read, compute and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=BENCH)
    parser.add_argument("--index", type=Path, default=INDEX)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.out.write_text(page(measured(read(args.bench), read(args.index))), encoding="utf-8")
    print(f"{args.out} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
