"""The tables of docs/explanation/performance.md, from bench.json: `make bench`'s output, never typed.

`python -m tests.bench.page` prints them; `--write` puts them between the two markers of the page.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.bench.claims import LARGE, SMALL
from tests.bench.server import BARE
from tests.bench.timing import Figures

BENCH, PAGE = Path("docs/explanation/bench.json"), Path("docs/explanation/performance.md")
BEGIN, END = "<!-- from docs/explanation/bench.json: python -m tests.bench.page --write -->", "<!-- end -->"
LOADS = ("1 client", "8 clients", "32 clients", "32 clients, sustained")
Document = dict[str, Any]


def table(document: Document) -> str:
    """Return the section's body as Markdown."""
    parts = [_machine(document), _promised(document)]
    for title, made in (("The steps for one photo", _steps), ("The model", _model), ("The server", _server)):
        rows = made(document)
        if rows:
            parts.append(f"{title}:\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def with_table(page: str, document: Document) -> str:
    """Return the page's text with the table between its markers.

    Raises:
        ValueError: it has no such markers.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} lacks the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{table(document)}\n{END}{tail}"


def _machine(document: Document) -> str:
    facts = document["machine"]
    faces = document.get("index", {}).get("in service", {}).get("faces", 0)
    return (
        f"{facts['processor']}, {facts['cores']} cores, load {facts['load']:g} before, {faces:,.0f} "
        f"reference faces, Python {facts['python']}, ONNX Runtime {facts['onnxruntime']}, "
        f"{facts['measured_at']}:"
    )


def _promised(document: Document) -> str:
    rows = ["| promise | measured | limit | |", "| --- | --- | --- | --- |"]
    for claim in document["claims"]:
        sign, unit = ("at least" if claim["at_least"] else "at most"), f" {claim['unit']}".rstrip()
        kept = "kept" if claim["holds"] else "**not kept**"
        rows.append(
            f"| {claim['what']} | {claim['value']:.4g}{unit} | {sign} {claim['limit']:g}{unit} | {kept} |"
        )
    return "\n".join(rows)


def _steps(document: Document) -> list[str]:
    sizes = [name for name in (SMALL, LARGE) if name in document]
    if not sizes:
        return []
    steps = [name for name in document[sizes[0]] if name.startswith("step ") and name != "step total"]
    head = f"| p50, ms | {' | '.join(name.removeprefix('step ') for name in steps)} | whole, recorded |"
    rows = [head, "| --- |" + " --- |" * (len(steps) + 1)]
    for size in sizes:
        told = [f"{document[size][name]['p50_ms']:.2f}" for name in steps]
        whole = document[size]["answer, recorded"]["p50_ms"]
        rows.append(f"| {size} | {' | '.join(told)} | {whole:.1f} |")
    return rows


def _model(document: Document) -> list[str]:
    found = document.get("model", {})
    rows = [
        "| | ms a face | of fp32 | of the peak of one thread |",
        "| --- | --- | --- | --- |",
    ]
    for name, row in found.items():
        if "ms_a_face" in row:
            peak = f"{row['of_one_thread_peak']:.0%}"
            rows.append(f"| {name} | {row['ms_a_face']:.2f} | {row.get('of_fp32', 1):.2f} | {peak} |")
    cost = found.get("cost", {})
    done, peak = cost.get("gflop_a_face"), cost.get("peak_gflops")
    said = f"A face takes {done} GFLOP. The peak is {peak} GFLOP a second, in a large fp32 matrix product."
    return [*rows, "", said] if found else []


def _server(document: Document) -> list[str]:
    found = document.get("server", {})
    rows = [
        "| | answers a second | p50, ms | p95, ms | p99, ms | refused | errors |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in LOADS:
        if name in found:
            row = found[name]
            times = " | ".join(f"{row[f'p{share}_ms']:.0f}" for share in (50, 95, 99))
            told = f"{row['refused_503']:.0f} | {row['other_errors']:.0f}"
            rows.append(f"| {name} | {row['a_second']:.1f} | {times} | {told} |")
    return [*rows, *_bare(found)] if found else []


def _bare(found: Figures) -> list[str]:
    """Say what processes do that call detector and model and do nothing else."""
    rates = [
        f"{name}: {row['a_second']:.0f} a second" for name, row in found.items() if name.startswith(BARE)
    ]
    return ["", f"For comparison, {'; '.join(rates)}."] if rates else []


def main() -> int:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put it into the page")
    args = parser.parse_args()
    document = json.loads(BENCH.read_text(encoding="utf-8"))
    if args.write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), document), encoding="utf-8")
    else:
        print(table(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
