"""What was measured as a page: a table, how it grows, and two plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TARGET = 0.98
COLOURS = {"exact": "#555555", "annoy": "#0b6e99", "lance": "#d1495b", "pgvector": "#66a182"}
HEAD = (
    "| vectors | engine | recall@10 | ms a search, p50 | p95 | build, s | peak of the build, MB | "
    "bytes a vector | open, s | a worker's own memory, MB |",
    "| --- " * 10 + "|",
)
GROWTH = (
    ("build_s", "build, s"),
    ("disk_mb", "on disk, MB"),
    ("p50_ms", "ms a search"),
    ("private_mb", "a worker's own memory, MB"),
)
COMPUTED = 100_000_000
WORDS = f"""*recall@10* is the share of the ten truly nearest that a search finds. Annoy and Lance search
as simsvc chooses (`simsvc/domain/gallery/search_effort.py`, `partition_effort.py`); pgvector with the
least `ef_search` that finds {TARGET}. Times are of searches one after the other, with the pages in memory.
Annoy's file is mapped and shared by all workers. Lance reads from the disk what a search needs, and keeps
codes that searches use in a worker's own memory. pgvector's memory is the server's: it is counted at the
build only. The rows are mapped while an index is built; a peak counts the part of them in memory."""
Report = dict[str, Any]


def document(report: Report) -> str:
    """Return docs/explanation/bench-lance.md."""
    sizes = report.get("sizes", {})
    return "\n".join(
        (
            "# Lance next to other engines",
            "",
            "Written by `make bench-lance`:",
            "",
            *(line for size in _ascending(sizes) for line in _machines(int(size), sizes[size])),
            "",
            f"The vectors are drawn around embeddings of {report['index']} ({report['dims']} numbers "
            "each), as [for the other libraries](bench-index.md); queries are drawn likewise and are not "
            "among them.",
            "",
            *HEAD,
            *(
                row(int(size), name, sizes[size][name])
                for size in _ascending(sizes)
                for name in COLOURS
                if name in sizes[size]
            ),
            "",
            *(
                _shortfall(int(size), name, sizes[size][name])
                for size in _ascending(sizes)
                for name in COLOURS
                if "error" in sizes[size].get(name, {})
            ),
            "",
            WORDS,
            "",
            "![Recall against time, by size](bench-lance-recall.png){ .wide }",
            "",
            "![Growth with the number of vectors](bench-lance-growth.png){ .wide }",
            "",
            *_codes(sizes),
            *_computed(sizes),
        )
    )


def row(size: int, name: str, found: Report) -> str:
    """Return one row."""
    if "curve" not in found:
        return f"| {size:,} | {name} | " + " | ".join("-" * 8) + " |"
    point = at(found)
    return (
        f"| {size:,} | {name}: {found['settings']} | {point['recall']:.3f} | {point['p50_ms']:.2f} | "
        f"{point['p95_ms']:.2f} | {found['build_s']:,.0f} | {found['build_peak_mb']:,.0f} | "
        f"{found['disk_mb'] * 1e6 / size:,.0f} | {found['open_s']:.2f} | {found['private_mb']:,.0f} |"
    )


def at(found: Report) -> dict[str, float]:
    """Return the point of a curve that counts."""
    curve: list[dict[str, float]] = found["curve"]
    if "chosen" in found:
        return min(curve, key=lambda point: abs(point["effort"] - found["chosen"]))
    return next((point for point in curve if point["recall"] >= TARGET), curve[-1])


def _shortfall(size: int, name: str, found: Report) -> str:
    """Say why an engine has no row, or what was not measured to its end."""
    what = f"{name} at {size:,} vectors"
    return f"- {what}: {found['error']}." if "chosen" in found else f"- {what} is left out: {found['error']}."


def _ascending(sizes: Report) -> list[str]:
    return sorted((size for size in sizes if set(sizes[size]) & set(COLOURS)), key=int)


def _machines(size: int, engines: Report) -> list[str]:
    """Say where each engine was measured: times of one machine alone can be compared."""
    names: dict[str, list[str]] = {}
    for name in COLOURS:
        if name in engines:
            names.setdefault(engines[name]["machine"], []).append(name)
    return [f"- {size:,} vectors, {', '.join(found)}: {machine}." for machine, found in names.items()]


def _codes(sizes: Report) -> list[str]:
    """Say what the codes alone find, and how long copies take."""
    lines = ["## What refining is worth", ""]
    for size in _ascending(sizes):
        found = sizes[size].get("lance", {})
        if "codes_alone" in found:
            most = found["codes_alone"][-1]
            lines.append(
                f"- At {int(size):,} vectors, codes alone find {most['recall']:.3f} with "
                f"{most['effort']:.0f} probes; comparing the best of them exactly finds "
                f"{at(found)['recall']:.3f} with {at(found)['effort']:.0f}."
            )
        if "copies_s" in found:
            lines.append(
                f"- Looking for copies at {int(size):,} vectors takes {found['copies_s']:,.0f} s more."
            )
    return [*lines, ""]


def _computed(sizes: Report) -> list[str]:
    """Return what the growth between the largest sizes leads to, as a power of their number."""
    lines = [
        f"## Computed for {COMPUTED:,} vectors",
        "",
        "By the power law through the two largest sizes of an engine. A graph or forest that no longer fits "
        "into memory gets slower than that.",
        "",
        "| engine | build, hours | on disk, GB | ms a search | a worker's own memory, GB |",
        "| --- " * 5 + "|",
    ]
    for name in COLOURS:
        told = [size for size in _ascending(sizes) if "curve" in sizes[size].get(name, {})][-2:]
        if len(told) < 2:
            continue
        values = {key: _grown(told, [_value(sizes[size][name], key) for size in told]) for key, _ in GROWTH}
        lines.append(
            f"| {name} | {values['build_s'] / 3_600:,.1f} | {values['disk_mb'] / 1e3:,.0f} | "
            f"{values['p50_ms']:,.2f} | {values['private_mb'] / 1e3:,.1f} |"
        )
    return [*lines, ""]


def _value(found: Report, key: str) -> float:
    return float(at(found)[key] if key in at(found) else found[key])


def _grown(sizes: list[str], values: list[float]) -> float:
    logs, counts = np.log(np.maximum(values, 1e-3)), np.log([float(size) for size in sizes])
    slope = (logs[1] - logs[0]) / (counts[1] - counts[0])
    return float(np.exp(logs[1] + slope * (np.log(COMPUTED) - counts[1])))


def plot(report: Report, folder: Path) -> None:
    """Write bench-lance-recall.png and bench-lance-growth.png."""
    import matplotlib as mpl  # noqa: PLC0415 - only where plots are written

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice above

    sizes = report.get("sizes", {})
    shown = _ascending(sizes)
    if not shown:
        return
    figure, axes = plt.subplots(1, len(shown), figsize=(4.6 * len(shown), 4.2), sharey=True, squeeze=False)
    for axis, size in zip(axes[0], shown, strict=True):
        for name, colour in COLOURS.items():
            curve = sizes[size].get(name, {}).get("curve", [])
            axis.plot(
                [point["p50_ms"] for point in curve],
                [point["recall"] for point in curve],
                marker="o",
                markersize=4,
                color=colour,
                label=name,
            )
        axis.axhline(TARGET, color="#999999", linewidth=0.8, linestyle=":")
        axis.set(xscale="log", ylim=(0.6, 1.01), xlabel="median ms a search")
        axis.set_title(f"{int(size):,} vectors", fontsize=10)
    axes[0][0].set_ylabel("recall@10")
    axes[0][0].legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(folder / "bench-lance-recall.png", dpi=110)
    figure, axes = plt.subplots(1, len(GROWTH), figsize=(3.6 * len(GROWTH), 3.4), squeeze=False)
    for axis, (key, title) in zip(axes[0], GROWTH, strict=True):
        for name, colour in COLOURS.items():
            told = [size for size in shown if "curve" in sizes[size].get(name, {})]
            values = [_value(sizes[size][name], key) for size in told]
            axis.plot(
                [int(size) for size in told], values, marker="o", markersize=4, color=colour, label=name
            )
        axis.set(xscale="log", yscale="log", xlabel="vectors")
        axis.set_title(title, fontsize=10)
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / "bench-lance-growth.png", dpi=110)
    plt.close("all")
