"""`make bench-lance`: Lance beside Annoy, exact search and pgvector, up to 10^7 vectors.

Vectors are the embeddings of the index in service and draws around them (`tests/bench/index/vectors.py` says
how). Writes bench-lance.json, a page and plots into docs/explanation after each engine, and goes on where it
was stopped: what is in the file is not measured again, unless with --anew. 10^7 vectors take some hours on
two cores, 20 GB of disk and 12 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.index.__main__ import embeddings_in_service
from tests.bench.index.vectors import Source, shape
from tests.bench.lance import page
from tests.bench.lance.engines import ENGINES
from tests.bench.machine import machine as this_machine

OUT = Path("docs/explanation/bench-lance.json")
SIZES = (100_000, 1_000_000, 10_000_000)
PATIENCE_S = 4 * 3_600.0
STEPS = ("build", "search", "copies")
Report = dict[str, Any]


class Prepared:
    """The vectors of a size on disk; kept, so that a run that was stopped goes on with them."""

    def __init__(self, source: Source, root: Path, size: int) -> None:
        self.folder = root / str(size)
        self._done = self.folder / "least.npy"
        if not self._done.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            sample = source.sample(size)
            np.save(self.folder / "rows.npy", sample.rows)
            np.save(self.folder / "questions.npy", sample.questions)
            facts = {"kind": sample.kind, **shape(sample.rows)}
            (self.folder / "shape.json").write_text(json.dumps(facts))
            np.save(self._done, sample.least)
        self.shape = json.loads((self.folder / "shape.json").read_text())


def run(step: str, name: str, folder: Path, patience_s: float) -> Report:
    """Run one step in a process of its own, with one thread of BLAS, and return what it printed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.bench.lance.one", step, name, str(folder)]
    ended = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=patience_s, check=True
    )
    found: Report = json.loads(ended.stdout.splitlines()[-1])
    return found


def measure(args: argparse.Namespace, report: Report) -> None:
    """Measure what is not in the report yet, and write it after each step."""
    label, embeddings = embeddings_in_service()
    source = Source(embeddings)
    report |= {"index": label, "dims": embeddings.shape[1], "spread": source.spread}
    for size in args.sizes:
        found = report.setdefault("sizes", {}).setdefault(str(size), {})
        wanted = [
            name for name in args.only or ENGINES if args.anew or "error" in found.get(name, {"error": 0})
        ]
        if not wanted:
            continue
        prepared = Prepared(source, args.folder, size)
        found |= {"shape": prepared.shape}
        machine = where()
        for name in wanted:
            print(f"{size:,} vectors, {name} ...", flush=True)
            found[name] = of_engine(name, prepared.folder, args.patience_s) | {"machine": machine}
            shutil.rmtree(prepared.folder / name, ignore_errors=True)
            write(report, args.out)
            print(page.row(size, name, found[name]), flush=True)
        shutil.rmtree(prepared.folder)


def of_engine(name: str, folder: Path, patience_s: float) -> Report:
    """Run the steps of one engine; what does not get through says why."""
    shutil.rmtree(folder / name, ignore_errors=True)
    found: Report = {"version": version_of(name)}
    for step in STEPS:
        if step == "copies" and (name != "lance" or "chosen" not in found):
            continue
        try:
            found |= run(step, name, folder, patience_s)
        except subprocess.TimeoutExpired:
            return found | {"error": f"its {step} step was ended after {patience_s / 60:.0f} minutes"}
        except subprocess.CalledProcessError as error:
            return found | {"error": f"its {step} ended with status {error.returncode}"}
    return found


def version_of(name: str) -> str:
    """Return the version of an engine's distribution."""
    return version({"lance": "pylance", "exact": "numpy", "pgvector": "psycopg"}.get(name, name))


def where() -> str:
    """Say where and when it was measured."""
    facts = this_machine()
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gb']} GB, "
        f"load {facts['load']:.1f} when it began, {facts['measured_at']}"
    )


def write(report: Report, out: Path) -> None:
    """Write the figures, the page and the plots."""
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(page.document(report), encoding="utf-8")
    page.plot(report, out.parent)


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=SIZES)
    parser.add_argument("--only", type=lambda text: text.split(","), help="such as lance,annoy")
    parser.add_argument("--anew", action="store_true", help="measure again what was measured")
    parser.add_argument("--page", action="store_true", help="only write the page and plots from the figures")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--folder", type=Path, default=Path("work/bench-lance"), help="for vectors and indexes"
    )
    parser.add_argument("--patience-s", type=float, default=PATIENCE_S, help="most time of one step")
    args = parser.parse_args()
    start = time.perf_counter()
    report: Report = json.loads(args.out.read_text()) if args.out.exists() else {}
    if not args.page:
        args.folder.mkdir(parents=True, exist_ok=True)
        measure(args, report)
    write(report, args.out)
    print(f"{args.out}, its page and plots are written; it took {time.perf_counter() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
