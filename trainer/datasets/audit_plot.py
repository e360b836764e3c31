"""The audit as one picture."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainer.datasets.audit import FAR_APART_YEARS, UNKNOWN, Audit, label_differences_years
from trainer.datasets.merge import MergedData
from trainer.datasets.splits import SPLITS

BLUE, ORANGE, GREY = "#3b6ea5", "#d9822b", "#8a8f98"
MAX_BARS = 8
"""Reasons beyond stand in the JSON only."""
MIN_PLACES = 4
"""So that one bar alone does not fill its panel."""
LABEL_CHARS = 24


def draw(data: MergedData, result: Audit, path: Path) -> None:
    """Write a PNG of six panels: ages, splits by age, gender, group, duplicates' labels, what is left out."""
    figure = Figure(figsize=(15, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels: list[Axes] = list(figure.subplots(2, 3).flat)
    figure.suptitle(f"{result.photos:,} photos of {', '.join(result.by_source)}")
    _ages(panels[0], data)
    _split_shares(panels[1], result)
    _bars(panels[2], "gender", result.by_gender)
    _bars(panels[3], "group", result.by_group)
    _differences(panels[4], data, result)
    _bars(panels[5], "left out or unreadable", _left_out(result))
    figure.savefig(path, dpi=110)


def _ages(axes: Axes, data: MergedData) -> None:
    sources = sorted({row.source for row in data.rows})
    ages = [[row.age_years for row in data.rows if row.source == source] for source in sources]
    axes.hist(ages, bins=list(range(0, 126, 5)), stacked=True, label=sources)
    axes.set(title="ages by source", xlabel="years, bins of 5", ylabel="photos")
    axes.legend()


def _split_shares(axes: Axes, result: Audit) -> None:
    """Draw each decade's share of each split: flat lines at 80, 10 and 10 percent are what is wanted."""
    decades = list(result.by_decade)
    for split, colour in zip(SPLITS, (BLUE, ORANGE, GREY), strict=True):
        counts = result.split_by_decade[split]
        shares = [100 * counts[name] / result.by_decade[name] for name in decades]
        axes.plot(decades, shares, marker="o", color=colour, label=f"{split}: {result.by_split[split]:,}")
    axes.set(title="share of each split by age", ylabel="percent", ylim=(0, 100))
    axes.tick_params(axis="x", rotation=45)
    axes.legend()


def _bars(axes: Axes, title: str, counts: dict[str, int]) -> None:
    shown = dict(list(counts.items())[:MAX_BARS])
    places = range(len(shown))
    colours = [GREY if name == UNKNOWN else BLUE for name in shown]
    bars = axes.barh(places, list(shown.values()), height=0.7, color=colours)
    axes.bar_label(bars, labels=[f" {count:,}" for count in shown.values()])
    axes.set_yticks(places, [textwrap.fill(name, LABEL_CHARS) for name in shown])
    axes.set_ylim(max(MIN_PLACES, len(shown)) - 0.5, -0.5)
    axes.margins(x=0.2)
    axes.set(title=title if shown else f"{title}: none", xlabel="photos")


def _differences(axes: Axes, data: MergedData, result: Audit) -> None:
    differences = label_differences_years(data)
    top = float(max(10.0, np.ceil(differences.max(initial=0.0))))
    axes.hist(differences, bins=list(np.arange(-0.5, top + 1.0)), color=BLUE)
    axes.axvline(FAR_APART_YEARS + 0.5, color=ORANGE)
    share = result.near_duplicates.far_apart_share
    far = "" if share is None else f", {share:.0%} more than {FAR_APART_YEARS:.0f} years apart"
    axes.set(
        title=f"{len(differences):,} near-duplicates{far}", xlabel="years between labels", ylabel="pairs"
    )


def _left_out(result: Audit) -> dict[str, int]:
    unreadable = {"unreadable": len(result.unreadable)} if result.unreadable else {}
    return {**unreadable, **result.left_out}
