"""`make bench-index`: Annoy beside exact search, hnswlib, faiss and usearch, from 10^4 to 10^6 vectors.

Vectors are the embeddings of the index in service and draws around them (`vectors.py` says how). Prints what
it measures, and writes bench-index.json, a page and plots into docs/explanation. With --sizes or --only it
measures that part anew and keeps the rest of the file. 10^6 take most of the time: about 20 minutes on two
cores.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from simsvc.adapters.index.engines.annoy_forest import cosines_of, grow, load_forest
from simsvc.adapters.index.engines.annoy_index import AnnoyIndex
from simsvc.domain.gallery.nearest import unit
from simsvc.domain.gallery.recall import Questions, questions
from simsvc.settings import load_settings
from simsvc.wiring.hosts.index_shelf import open_shelf
from simsvc.wiring.services import open_database
from tests.bench.index import plots, table
from tests.bench.index.peers import PEERS
from tests.bench.index.vectors import K, Sample, Source, Vectors, shape
from tests.bench.machine import machine

OUT = Path("docs/explanation/bench-index.json")
SIZES = (10_000, 100_000, 1_000_000)
DIMS = (16, 32, 48)
PATIENCE_S = 1_200.0
Report = dict[str, Any]


def embeddings_in_service() -> tuple[str, Vectors]:
    """Return label and embeddings of the index in service."""
    settings = load_settings()
    shelf = open_shelf(settings, open_database(settings))
    label = shelf.current()
    if label is None:
        raise SystemExit("There is no index yet. Build one: `flask index build`.")
    index = AnnoyIndex(shelf.open_build(label), shelf.manifest(label).model.sha256)
    return label, np.array(index.embeddings())


def run(module: str, *arguments: str) -> Report:
    """Run one step in a process of its own, with one thread of BLAS, and return what it printed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"tests.bench.index.{module}", *arguments]
    ended = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=True
    )
    found: Report = json.loads(ended.stdout.splitlines()[-1])
    return found


def of_libraries(names: list[str], folder: Path, report: Report, size: str, keep: Path) -> None:
    """Build with and search each library in turn; the file is written after each."""
    with tqdm(names, desc=f"{size} vectors", unit="library") as bar:
        for name in bar:
            bar.set_postfix_str(name)
            if importlib.util.find_spec(name) is None and name != "exact":
                tqdm.write(f"{name} is not installed, so it is left out: pip install 'simsvc[bench]'.")
                continue
            try:
                found = run("one", "build", name, str(folder)) | run("one", "search", name, str(folder))
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                tqdm.write(f"{name} did not get through {size} vectors, so it is left out: {error}.")
                continue
            report.setdefault("libraries", {}).setdefault(name, {})[size] = found
            write_report(keep, report)
            tqdm.write(table.row(int(size), name, found, report["shapes"][size]["kind"]))


def of_port(folder: Path, report: Report, size: str) -> None:
    """Build and serve through the service's own index."""
    found = {step: run("port", step, str(folder)) for step in ("build", "serve", "objects")}
    report.setdefault("service", {})[size] = found
    tqdm.write(f"{size:>8} service  {json.dumps(found)}")


def of_questions(source: Source, folder: Path) -> Report:
    """Return recall by kind of question on real rows: of themselves, near them, and truly held out."""
    effort = grow(folder / "f.annoy", source.rows)
    forest = load_forest(folder / "f.annoy", source.rows.shape[1])
    held = Questions(K, unit(source.questions), source.sample(len(source.rows)).least)
    own, near = questions(source.rows, len(source.questions))
    found = {}
    for candidates in (effort.search_k // 2, effort.search_k, 2 * effort.search_k):
        search = cosines_of(forest, effort.trees, candidates)
        kinds = {"faces themselves": own, "near them": near, "held out": held}
        found[str(candidates)] = {name: kind.share(search) for name, kind in kinds.items()}
    return {"trees": effort.trees, "chosen": effort.search_k, "recall_by_candidates": found}


def of_dims(source: Source) -> Report:
    """Return recall@10 of an exact search over fewer numbers a vector: none below D can promise 0.98.

    The directions are those of largest variance (principal components).
    """
    rows, least = source.rows, source.sample(len(source.rows)).least
    mean = rows.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((rows - mean).T))
    found = {}
    for dims in DIMS:
        kept = axes[:, ::-1][:, :dims]
        few, asked = (rows - mean) @ kept, (source.questions - mean) @ kept
        hits = 0
        for at, question in enumerate(asked):
            items = np.argpartition(((few - question) ** 2).sum(axis=1), K)[:K]
            hits += int((rows[items] @ source.questions[at] >= least[at] - 1e-6).sum())
        found[str(dims)] = round(hits / (K * len(asked)), 4)
    return found


def of_shapes(source: Source) -> Report:
    """Return how distances and intrinsic dimension change with size, of parts of the real rows."""
    sizes = [size for size in (2_500, 5_000, 10_000) if size < len(source.rows)]
    return {str(size): shape(source.rows[:size]) for size in (*sizes, len(source.rows))}


def write_sample(folder: Path, sample: Sample) -> None:
    """Write what the processes read."""
    for name, part in (("rows", sample.rows), ("questions", sample.questions), ("least", sample.least)):
        np.save(folder / f"{name}.npy", part)


def measure(args: argparse.Namespace, report: Report, keep: Path) -> None:
    """Measure what was asked for."""
    label, embeddings = embeddings_in_service()
    source = Source(embeddings)
    report |= {"index": label, "dims": embeddings.shape[1], "questions_held_out": len(source.questions)}
    report |= {"spread": source.spread, "machine": where(), "real_shapes": of_shapes(source)}
    sizes = args.sizes or sorted({*SIZES, len(source.rows)})
    if not args.only:
        with TemporaryDirectory() as folder:
            report["questions"] = of_questions(source, Path(folder))
        report["recall_of_fewer_dims"] = of_dims(source)
        print(
            json.dumps({name: report[name] for name in ("real_shapes", "questions", "recall_of_fewer_dims")})
        )
    for size in sizes:
        with TemporaryDirectory(dir=args.folder) as name:
            folder, sample = Path(name), source.sample(size)
            write_sample(folder, sample)
            report.setdefault("shapes", {})[str(size)] = {"kind": sample.kind, **shape(sample.rows)}
            of_libraries(args.only or list(PEERS), folder, report, str(size), keep)
            if not args.only or "annoy" in args.only:
                of_port(folder, report, str(size))
            write_report(keep, report)


def write_report(path: Path, report: Report) -> None:
    """Write what is known so far."""
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def where() -> str:
    """Say where it was measured."""
    facts = machine()
    return f"{facts['processor']}, {facts['cores']} cores, load {facts['load']:.1f} when it began"


def main() -> int:
    """Measure, print, write and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--only", type=lambda text: text.split(","), help="such as annoy,hnswlib")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--folder", type=Path, help="for the vectors and indexes, 3 GB at 10^6")
    args = parser.parse_args()
    start = time.perf_counter()
    report: Report = json.loads(args.out.read_text()) if args.out.exists() else {}
    measure(args, report, args.out)
    plots.write(report, args.out.parent)
    if {"service", "questions"} <= report.keys():
        args.out.with_suffix(".md").write_text(table.document(report), encoding="utf-8")
    print(table.rows(report))
    print(f"{args.out} and its plots are written; it took {time.perf_counter() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
