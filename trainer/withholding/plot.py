"""The picture of the trade, for the model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from trainer.evaluation.measures.conformal import COVERAGE

LABELS = {"test": "test part", "degraded": "degraded copies of test faces", "bands": "photos in bands"}


def plot(document: dict[str, Any], path: Path) -> None:
    """Draw what `trainer withhold --json` wrote as a PNG: three panels over the share withheld.

    Error and coverage of test faces and degraded copies, and the share of banded photos that are close, each
    with its 95% band; the share that the shipped bounds withhold is a mark on each line.
    """
    banded = "bands" in document["trade"]
    figure, axes = plt.subplots(
        1, 3 if banded else 2, figsize=(11 if banded else 7.5, 3.6), layout="constrained", squeeze=False
    )
    panels = axes[0]
    for name in ("test", "degraded"):
        _line(panels[0], document, name, "mae", 1.0)
        _line(panels[1], document, name, "coverage", 100.0)
    panels[0].set(ylabel="MAE of the answered, years")
    panels[0].set_ylim(bottom=0)
    panels[1].axhline(100 * COVERAGE, color="0.6", linewidth=0.8, linestyle=":")
    panels[1].set(ylabel="age within the range, %")
    if banded:
        _line(panels[2], document, "bands", "within_or_close", 100.0)
        panels[2].set(ylabel="in the band or at most 5 years off, %")
    for panel in panels:
        panel.set(xlabel="withheld, %")
        panel.legend(frameon=False, fontsize=8)
    figure.supxlabel("of the estimated, the most severe first; dots: by the bounds in use", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _line(panel: Axes, document: dict[str, Any], name: str, key: str, scale: float) -> None:
    rows = [row for row in document["trade"][name] if key in row]
    shares = [100 * row["withheld"] for row in rows]
    low, value, high = ([scale * row[key][end] for row in rows] for end in ("low", "value", "high"))
    (line,) = panel.plot(shares, value, label=LABELS[name])
    panel.fill_between(shares, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    ruled = document["ruled"][name]
    if ruled["answered_figures"]:
        estimated = 1 - ruled["refused"]
        share, answered = 100 * ruled["withheld"] / estimated, ruled["answered_figures"][key]["value"]
        panel.plot([share], [scale * answered], "o", color=line.get_color())
