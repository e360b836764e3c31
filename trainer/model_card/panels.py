"""The panels of the card's pictures: one function a panel, each of one calm palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from trainer.evaluation.measures.conformal import LEAST_FACES
from trainer.evaluation.neighbours import SERVED
from trainer.model_card.measured import Document

BLUE, ORANGE, GREY = "#3b6ea5", "#d9822b", "#8a8f98"
LAYERS = (BLUE, "#5a9e6f", "#8b6bb1", "#b07a4b", "#4f9aa8", GREY)
"""One for each layer of the neighbours' table."""


def ends(figures: Sequence[Mapping[str, float]], scale: float = 1.0) -> list[list[float]]:
    """Return how far intervals reach below and above their figures, as error bars want it."""
    below = [max(0.0, f["value"] - f["low"]) * scale for f in figures]
    return [below, [max(0.0, f["high"] - f["value"]) * scale for f in figures]]


def error_by_age(axes: Axes, test: Document, before: Document | None) -> None:
    """Draw MAE and bias by decade of the label, with 95% intervals, and the earlier model's MAE."""
    tables = [t for t in test["tables"] if t["part"].startswith("age ") and t["part"] != "age 80+"]
    places = list(range(len(tables)))
    old = {t["part"]: t["mae"]["value"] for t in (before or {"tables": []})["tables"]}
    known = [place for place in places if tables[place]["part"] in old]
    if known:
        values = [old[tables[place]["part"]] for place in known]
        axes.plot(known, values, "D", color=GREY, mfc="white", ms=8, label="MAE, earlier model")
    for key, name, colour, fmt in (("mae", "MAE", BLUE, "o-"), ("bias", "bias", ORANGE, "s-")):
        figures = [table[key] for table in tables]
        values = [figure["value"] for figure in figures]
        axes.errorbar(places, values, ends(figures), fmt=fmt, color=colour, ms=7, capsize=3, label=name)
    axes.axhline(0, color=GREY, lw=1)
    axes.set_xticks(places, [_youngest(table["part"]) for table in tables])
    axes.set(xlabel="labelled age, decades from … years", ylabel="error, years")
    legend_above(axes, 3)


def legend_above(axes: Axes, ncols: int) -> None:
    """Put the legend above the panel, so that it hides nothing."""
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=ncols, handletextpad=0.4, columnspacing=1)


def _youngest(part: str) -> str:
    return part.removeprefix("age ").split("-")[0]


def calibration(axes: Axes, parts: Sequence[Document], tables: Sequence[Document]) -> None:
    """Draw the share of labels inside the 90% range by part; hollow where fewer than 100 faces tell."""
    ranges = {table["part"]: table["coverage"] for table in tables if table.get("coverage")}
    axes.axvspan(88, 92, color=BLUE, alpha=0.12, lw=0, label="90 ± 2%")
    axes.axvline(86, color=ORANGE, lw=1.5, ls="--", label="least wanted of a part, 86%")
    for place, part in enumerate(parts):
        many = part["faces"] >= LEAST_FACES
        share = 100 * part["coverage"]
        reach = ends([ranges[part["part"]]], 100) if part["part"] in ranges else None
        axes.errorbar([share], [place], xerr=reach, fmt="o", ms=8, color=BLUE, mfc=BLUE if many else "white")
    axes.set_yticks(range(len(parts)), [f"{part['part']} ({part['faces']:,})" for part in parts])
    axes.invert_yaxis()
    axes.set(xlabel=f"labels in the range, %\n(hollow: fewer than {LEAST_FACES} faces)")
    legend_above(axes, 1)


def groups(axes: Axes, test: Document, before: Document | None) -> None:
    """Draw MAE by group and gender, with ages made alike, and the earlier model's."""
    tables = [table for table in test["tables"] if table["part"].startswith(("group ", "gender "))]
    places = {table["part"]: place for place, table in enumerate(tables)}
    old = [t for t in (before or {"tables": []})["tables"] if t["part"] in places]
    if old:
        where = [places[t["part"]] - 0.25 for t in old]
        values = [t["mae"]["value"] for t in old]
        axes.plot(values, where, "D", color=GREY, mfc="white", ms=8, label="earlier model")
    figures = [table["mae"] for table in tables]
    values, where = [figure["value"] for figure in figures], list(places.values())
    axes.errorbar(values, where, xerr=ends(figures), fmt="o", color=BLUE, ms=8, label="this model")
    alike = [part for kind in test["fairness"].values() for part in kind["parts"] if part["standardised_mae"]]
    if alike:
        figures = [part["standardised_mae"] for part in alike]
        where = [places[part["part"]] + 0.25 for part in alike]
        values = [figure["value"] for figure in figures]
        axes.errorbar(values, where, xerr=ends(figures), fmt="s", color=ORANGE, ms=7, label="ages made alike")
    axes.set_yticks(list(places.values()), [f"{t['part'].split(' ', 1)[1]} ({t['faces']:,})" for t in tables])
    axes.invert_yaxis()
    axes.set(xlabel="mean absolute error, years")
    axes.set_xlim(left=0)
    legend_above(axes, 3)


def framing(axes: Axes, document: Document) -> None:
    """Draw what each change of the box costs in MAE."""
    changes = document["changes"][1:]
    costs = [change["cost"] for change in changes]
    bars = axes.barh(range(len(changes)), costs, height=0.6, color=BLUE)
    axes.bar_label(bars, labels=[f"{cost:+.2f}" for cost in costs], padding=4, fontsize=13)
    axes.axvline(0.4, color=ORANGE, lw=1.5, ls="--", label="most wanted, 0.4 year")
    axes.axvline(0, color=GREY, lw=1)
    axes.set_yticks(range(len(changes)), [change["change"] for change in changes])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set(xlabel="added mean absolute error, years")
    legend_above(axes, 1)


TRADED = {"test": ("test part", BLUE), "degraded": ("degraded copies", ORANGE), "bands": ("FairFace", GREY)}
"""Set of photos, as `trainer withhold` names it, to its name and colour."""


def withheld_error(axes: Axes, document: Document) -> None:
    """Draw the MAE of what is answered against the share withheld, the most doubtful first."""
    for name in ("test", "degraded"):
        _traded(axes, document, name, "mae", 1)
    axes.set(xlabel="withheld, % of the estimated", ylabel="MAE of the rest, years")
    axes.set_ylim(bottom=0)
    legend_above(axes, 2)


def withheld_share(axes: Axes, document: Document) -> None:
    """Draw interval coverage of what is answered, and how much of FairFace is in its band or close."""
    for name in ("test", "degraded"):
        _traded(axes, document, name, "coverage", 100, ", in range")
    _traded(axes, document, "bands", "within_or_close", 100, ", in band or ≤ 5 years off")
    axes.set(xlabel="withheld, % of the estimated", ylabel="of the rest, %")
    legend_above(axes, 1)


def _traded(axes: Axes, document: Document, name: str, key: str, scale: float, what: str = "") -> None:
    rows = [row for row in document["trade"].get(name, []) if key in row]
    if rows:
        shares = [100 * row["withheld"] for row in rows]
        low, value, high = ([scale * row[key][end] for row in rows] for end in ("low", "value", "high"))
        label, colour = TRADED[name]
        axes.plot(shares, value, "o-", ms=5, color=colour, label=label + what)
        axes.fill_between(shares, low, high, color=colour, alpha=0.15, lw=0)


def neighbours(axes: Axes, document: Document) -> None:
    """Draw each layer and transform: how well neighbours tell the age, and how often they share the group."""
    rows = [row for row in document["rows"] if row["group"] is not None]
    names = list(dict.fromkeys(row["layer"] for row in rows))
    for name, colour in zip(names, LAYERS * len(names), strict=False):
        mine = [row for row in rows if row["layer"] == name and row["transform"] != SERVED]
        shares, errors = [100 * row["group"] for row in mine], [row["mae_years"] for row in mine]
        axes.plot(shares, errors, "o", color=colour, ms=7, alpha=0.8, label=name)
    for row in rows:
        if row["transform"] == SERVED:
            axes.plot([100 * row["group"]], [row["mae_years"]], "*", color=ORANGE, ms=18, label="as served")
    axes.axvline(75, color=GREY, lw=1, ls="--")
    axes.axhline(document["mae_years"] + 0.3, color=GREY, lw=1, ls="--")
    axes.set(xlabel="neighbours of the query's group, %\n(dashed: what is wanted, right and below)")
    axes.set(ylabel="error of neighbours' mean age, years")
    legend_above(axes, 2)


CURVES = (
    (("train_loss", "training"), ("valid_loss", "validation")),
    (("valid_mae", "MAE"), ("valid_rmse", "RMSE")),
)
"""Keys of the history and their names, by panel: losses, then errors in years."""


def loss(axes: Axes, history: Sequence[Document], names: Sequence[tuple[str, str]]) -> None:
    """Draw curves over the epochs: losses, or the validation part's errors in years."""
    epochs = [entry["epoch"] + 1 for entry in history]
    for (key, name), colour in zip(names, (BLUE, ORANGE), strict=True):
        axes.plot(epochs, [entry[key] for entry in history], "o-", ms=4, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="loss" if names[0][0].endswith("loss") else "validation, years")
    axes.legend()


def ages(axes: Axes, audit: Document) -> None:
    """Draw photos by decade, stacked by split."""
    decades = list(audit["by_decade"])
    below = [0] * len(decades)
    for (split, counts), colour in zip(audit["split_by_decade"].items(), (BLUE, ORANGE, GREY), strict=False):
        heights = [counts.get(decade, 0) for decade in decades]
        axes.bar(range(len(decades)), heights, bottom=below, width=0.75, color=colour, label=split)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axes.set_xticks(range(len(decades)), [_youngest(decade) for decade in decades])
    axes.set(xlabel="labelled age, decades from … years", ylabel="photos")
    axes.legend()


def people(axes: Axes, audit: Document) -> None:
    """Draw photos by group and by gender."""
    counts: dict[str, Any] = {**audit["by_group"], **audit["by_gender"]}
    colours = [BLUE] * len(audit["by_group"]) + [GREY] * (len(counts) - len(audit["by_group"]))
    bars = axes.barh(range(len(counts)), list(counts.values()), height=0.7, color=colours)
    axes.bar_label(bars, labels=[f"{count:,}" for count in counts.values()], padding=4, fontsize=13)
    axes.set_yticks(range(len(counts)), list(counts))
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set(xlabel="photos")
