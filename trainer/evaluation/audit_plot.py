"""The audit as one picture."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from trainer.datasets.audit import FAR_APART_YEARS, UNKNOWN, Audit, label_differences_years
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData
from trainer.datasets.splits import SPLITS
from trainer.evaluation.looks import SourceLooks, Spread

BLUE, ORANGE, GREY = "#3b6ea5", "#d9822b", "#8a8f98"
MAX_BARS = 8  # Further reasons are in the JSON only
MIN_PLACES = 4  # So that one bar alone does not fill its panel
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
    unreadable = {"unreadable": len(result.unreadable)} if result.unreadable else {}
    _bars(panels[5], "left out or unreadable", unreadable | result.left_out)
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
    axes.set_title(f"{len(differences):,} near-duplicates{far}")
    axes.set(xlabel="years between labels", ylabel="pairs")


def draw_looks(rows: Sequence[Row], looks: Sequence[SourceLooks], path: Path) -> None:
    """Write a PNG of six panels by source: ages, sizes, sharpness, brightness, colour, the model's error."""
    figure = Figure(figsize=(15, 3 + 1.1 * len(looks)), layout="constrained")
    FigureCanvasAgg(figure)
    panels: list[Axes] = list(figure.subplots(2, 3).flat)
    figure.suptitle("Sources: medians with the middle 90%; error and bias with 95% intervals")
    _age_shapes(panels[0], rows, looks)
    _spreads(panels[1], looks, "face, pixels of the photo", lambda one: one.face_px, log=True)
    _spreads(panels[2], looks, "sharpness (variance of the Laplacian)", lambda one: one.sharpness, log=True)
    _spreads(panels[3], looks, "brightness of the crop, 0 to 255", lambda one: one.luminance, log=False)
    _shares(panels[4], looks)
    _errors(panels[5], looks)
    figure.savefig(path, dpi=110)


def _places(axes: Axes, looks: Sequence[SourceLooks], labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(looks)), list(labels))
    axes.set_ylim(len(looks) - 0.5, -0.5)


def _age_shapes(axes: Axes, rows: Sequence[Row], looks: Sequence[SourceLooks]) -> None:
    """Draw each source's ages as a separate ridge, in shares per 5 years."""
    edges = np.arange(0, 121, 5)
    for place, one in enumerate(looks):
        ages = [row.age_years for row in rows if row.source == one.source]
        shares = np.histogram(ages, edges)[0] / len(ages)
        axes.bar(edges[:-1] + 2.5, -(0.9 * shares / shares.max()), bottom=place + 0.45, width=5, color=BLUE)
    _places(axes, looks, [f"{one.source}\n{_counted(one)}" for one in looks])
    axes.set(title="ages, each source by itself", xlabel="years, bins of 5")


def _counted(one: SourceLooks) -> str:
    return f"{one.photos:,} photos" + (f", {one.persons:,} persons" if one.persons else "")


def _spreads(
    axes: Axes,
    looks: Sequence[SourceLooks],
    title: str,
    measure: Callable[[SourceLooks], Spread | None],
    *,
    log: bool,
) -> None:
    for place, one in enumerate(looks):
        spread = measure(one)
        if spread is not None:
            ends = [[spread.middle - spread.low], [spread.high - spread.middle]]
            axes.errorbar([spread.middle], [place], xerr=ends, fmt="o", color=BLUE, capsize=3)
            label = f"{spread.middle:.0f}"
            axes.annotate(label, (spread.middle, place), (0, 6), textcoords="offset points", ha="center")
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    _places(axes, looks, [one.source for one in looks])
    axes.set(title=title)


def _shares(axes: Axes, looks: Sequence[SourceLooks]) -> None:
    for shift, colour, name, shares in (
        (-0.2, GREY, "grey", [one.grey for one in looks]),
        (0.2, ORANGE, "no face found", [one.undetected for one in looks]),
    ):
        places = np.arange(len(looks)) + shift
        bars = axes.barh(places, [100 * share for share in shares], height=0.38, color=colour, label=name)
        axes.bar_label(bars, labels=[f" {share:.0%}" for share in shares])
    _places(axes, looks, [one.source for one in looks])
    axes.margins(x=0.15)
    axes.set(title="without colour, without a detected face", xlabel="percent of the sample")
    axes.legend()


def _errors(axes: Axes, looks: Sequence[SourceLooks]) -> None:
    for shift, colour, name, mark in ((-0.12, BLUE, "mae", "o"), (0.12, ORANGE, "bias", "s")):
        told = [one.model[name] for one in looks]
        values = [figure["value"] for figure in told]
        ends = [[abs(figure[end] - figure["value"]) for figure in told] for end in ("low", "high")]
        places = np.arange(len(looks)) + shift
        label = "mean absolute error" if name == "mae" else "bias"
        axes.errorbar(values, places, xerr=ends, fmt=mark, color=colour, capsize=3, label=label)
    axes.axvline(0, color=GREY, lw=1)
    _places(axes, looks, [one.source for one in looks])
    axes.set(title="what the earlier model says of them", xlabel="years")
    axes.legend(loc="upper right", framealpha=0.9)
    axes.margins(x=0.3)
