"""What was measured as pictures: recall against time, and growth with the number of vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOURS = {
    "annoy": "#0b6e99",
    "exact": "#555555",
    "hnswlib": "#d1495b",
    "faiss": "#66a182",
    "usearch": "#edae49",
}
TARGET, LIMIT_MS = 0.98, 2.0
GROWTH = (
    ("build_s", "build, s"),
    ("file_mb", "file, MB"),
    ("build_peak_mb", "peak memory of the build, MB"),
    ("private_mb", "private memory of one worker, MB"),
)


def write(report: dict[str, Any], folder: Path) -> None:
    """Write bench-index-recall.png and bench-index-growth.png."""
    _recall(report, folder / "bench-index-recall.png")
    _growth(report, folder / "bench-index-growth.png")


def _recall(report: dict[str, Any], path: Path) -> None:
    sizes = sorted({int(size) for found in report["libraries"].values() for size in found})
    figure, axes = plt.subplots(1, len(sizes), figsize=(4.2 * len(sizes), 4.2), sharey=True, squeeze=False)
    for axis, size in zip(axes[0], sizes, strict=True):
        for name, found in report["libraries"].items():
            curve = found.get(str(size), {}).get("curve", [])
            axis.plot(
                [point["p50_ms"] for point in curve],
                [point["recall"] for point in curve],
                marker="o",
                markersize=4,
                color=COLOURS[name],
                label=name,
            )
        _chosen(axis, report["libraries"].get("annoy", {}).get(str(size), {}))
        axis.axhline(TARGET, color="#999999", linewidth=0.8, linestyle=":")
        axis.axvline(LIMIT_MS, color="#999999", linewidth=0.8, linestyle=":")
        axis.set(xscale="log", ylim=(0.8, 1.005), xlabel="median ms a search, one thread")
        axis.set_title(f"{size:,} vectors ({report['shapes'][str(size)]['kind']})", fontsize=10)
    axes[0][0].set_ylabel("recall@10")
    axes[0][0].legend(fontsize=8, loc="lower right")
    _save(figure, path)


def _chosen(axis: plt.Axes, found: dict[str, Any]) -> None:
    """Ring what the rule chose."""
    for point in found.get("curve", ()):
        if point["effort"] == found.get("chosen"):
            axis.plot(
                point["p50_ms"], point["recall"], "o", markersize=11, fillstyle="none", color=COLOURS["annoy"]
            )


def _growth(report: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(1, len(GROWTH) + 1, figsize=(4 * (len(GROWTH) + 1), 3.8))
    for name, found in report["libraries"].items():
        sizes = sorted(found, key=int)
        counts = [int(size) for size in sizes]
        style = {"marker": "o", "markersize": 4, "color": COLOURS[name], "label": name}
        for axis, (key, _) in zip(axes, GROWTH, strict=False):
            axis.plot(counts, [max(found[size][key], 0.01) for size in sizes], **style)
        axes[-1].plot(counts, [_ms_at_target(found[size]["curve"]) for size in sizes], **style)
    titles = [title for _, title in GROWTH] + ["median ms at recall@10 >= 0.98"]
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xscale="log", yscale="log", xlabel="vectors")
        axis.set_title(title, fontsize=10)
    axes[0].legend(fontsize=8)
    _save(figure, path)


def _ms_at_target(curve: list[dict[str, float]]) -> float:
    return next((point["p50_ms"] for point in curve if point["recall"] >= TARGET), float("nan"))


def _save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
