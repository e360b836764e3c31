"""The card's panels by source: error, constant guess and other packages; bias; ranges; left-out sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from trainer.model_card.measured import Document
from trainer.model_card.panels import BLUE, GREY, ORANGE, ends, legend_above
from trainer.model_card.sources import named, value_of

PEERS = (("#5a9e6f", "^"), ("#8b6bb1", "v"), ("#b07a4b", "s"), ("#4f9aa8", "P"))
"""Colour and mark of each package, in the order of the file."""


def errors(axes: Axes, sources: Document, peers: Document | None) -> None:
    """Draw each source's error with its interval, the constant guess, and the packages on the same photos."""
    rows = [*sources["sources"], {"source": "mean", **sources["mean"]}]
    places = {row["source"]: place for place, row in enumerate(rows)}
    guesses = [row["constant"]["value"] for row in rows]
    axes.plot(guesses, list(places.values()), "|", color=GREY, ms=18, mew=3, label="constant guess")
    told = {} if peers is None else _told(peers)
    for (name, found), (colour, mark) in zip(told.items(), PEERS, strict=False):
        where = [place for source, place in places.items() if source in found]
        values = [found[source] for source in places if source in found]
        axes.plot(values, where, mark, color=colour, ms=8, mfc="white", mew=1.8, label=name)
    _with_ends(axes, [row["mae"] for row in rows], list(places.values()), BLUE, "this model")
    axes.axhline(len(rows) - 1.5, color=GREY, lw=1)
    _named(axes, [_counted(row) for row in rows])
    axes.set_xlim(left=0)
    axes.set(xlabel="mean absolute error, years")
    legend_above(axes, 2)


def _told(peers: Document) -> dict[str, dict[str, float]]:
    """Return the error by package and source, "mean" among them."""
    told: dict[str, dict[str, float]] = {row["peer"]: {} for row in peers["peers"]}
    rows = [(source["source"], peer) for source in peers["sources"] for peer in source["peers"]]
    for source, peer in (*rows, *(("mean", peer) for peer in peers["mean"])):
        if "mae" in peer:
            told[peer["peer"]][source] = peer["mae"]["value"]
    return told


def _counted(row: Document) -> str:
    return f"{named(row['source'])} ({row['faces']:,})" if "faces" in row else "mean of sources"


def biases(axes: Axes, sources: Document) -> None:
    """Draw each source's bias with its interval: right of the line the model tells people too old."""
    rows = sources["sources"]
    axes.axvspan(-2, 2, color=BLUE, alpha=0.12, lw=0, label="wanted: at most 2 years")
    axes.axvline(0, color=GREY, lw=1)
    _with_ends(axes, [row["bias"] for row in rows], list(range(len(rows))), ORANGE, "bias")
    _named(axes, [named(row["source"]) for row in rows])
    axes.set(xlabel="too young  ←  bias, years  →  too old")
    legend_above(axes, 2)


def ranges(axes: Axes, sources: Document) -> None:
    """Draw the share of ages inside the 90% range by source, with its interval."""
    rows = [row for row in sources["sources"] if "coverage" in row]
    axes.axvspan(86, 95, color=BLUE, alpha=0.12, lw=0, label="wanted: 86 to 95%")
    _with_ends(axes, [row["coverage"] for row in rows], list(range(len(rows))), BLUE, "in the range", 100)
    _named(axes, [named(row["source"]) for row in rows])
    axes.set(xlabel="ages inside the 90% range, %")
    legend_above(axes, 2)


def left_out(axes: Axes, document: Document) -> None:
    """Draw the error on each source of a model that never learnt from it, and the constant guess."""
    rows = [{**row, "name": named(row["source"])} for row in document["sources"]]
    _bars(axes, rows, (("constant", "constant guess", GREY), ("mae", "model without the source", BLUE)))
    axes.set(xlabel="source left out of training: error, years")


def site_calibration(axes: Axes, document: Document) -> None:
    """Draw the error without and with reference faces of one's own."""
    rows = [
        {
            "name": f"{named(row['source'])}, {round(row['fitted'])}",
            "without": row["without"]["mae_years"],
            "with": row["with"]["mae_years"],
        }
        for row in document["rows"]
    ]
    _bars(axes, rows, (("without", "without", GREY), ("with", "with reference faces", ORANGE)))
    axes.set(xlabel="source and reference faces: error, years")


def _bars(axes: Axes, rows: Sequence[Document], names: Sequence[tuple[str, str, str]]) -> None:
    for shift, (key, name, colour) in zip((-0.2, 0.2), names, strict=True):
        values = [value_of(row[key]) for row in rows]
        bars = axes.barh([p + shift for p in range(len(rows))], values, height=0.38, color=colour, label=name)
        axes.bar_label(bars, labels=[f"{value:.1f}" for value in values], padding=3, fontsize=12)
    _named(axes, [row["name"] for row in rows])
    axes.margins(x=0.15)
    legend_above(axes, 2)


def _with_ends(
    axes: Axes, figures: Sequence[Any], places: Sequence[int], colour: str, label: str, scale: float = 1.0
) -> None:
    values, reach = [scale * figure["value"] for figure in figures], ends(figures, scale)
    axes.errorbar(values, places, xerr=reach, fmt="o", color=colour, ms=8, capsize=3, label=label)


def _named(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
