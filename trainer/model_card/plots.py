"""The card's pictures, each a PNG that can be read on a telephone: few words, large type, white ground."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from trainer.model_card import panels
from trainer.model_card import source_panels as by_source
from trainer.model_card.measured import Document
from trainer.model_card.run import Run

WIDE_IN, DPI = 6.4, 120
"""768 pixels wide: at the 390 of a telephone type of 14 points is still 11 pixels high."""
COLOURS = 64  # A dozen are drawn; the others are the steps between them at the edges of lines and letters
STYLE: dict[Any, Any] = {
    "font.size": 14,
    "axes.titlesize": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": panels.GREY,
    "xtick.labelsize": 13,
    "ytick.labelsize": 13,
    "legend.frameon": False,
    "legend.fontsize": 12,
}

Measured = Mapping[str, Document]


def draw(measured: Measured, run: Run) -> dict[str, bytes]:
    """Return PNG by name of every plot whose figures were measured; names are those of simsvc's `PLOTS`."""
    test, before = measured["test"], measured.get("before")
    pictures = {
        "error_by_age": picture(lambda axes: panels.error_by_age(axes, test, before)),
        "groups": picture(lambda axes: panels.groups(axes, test, before)),
        "loss": picture(
            *(lambda axes, names=names: panels.loss(axes, run.history, names) for names in panels.CURVES)
        ),
    }
    pictures |= _by_source(measured)
    if "coverage" in measured:
        parts, tables = measured["coverage"]["parts"], test["tables"]
        pictures["calibration"] = picture(
            lambda axes: panels.calibration(axes, parts, tables), tall_in=1.6 + len(parts) / 3
        )
    if "framing" in measured:
        pictures["framing"] = picture(lambda axes: panels.framing(axes, measured["framing"]))
    if "withheld" in measured:
        pictures["withheld"] = withheld(measured["withheld"])
    if "neighbours" in measured:
        near = measured["neighbours"]
        pictures["neighbours"] = picture(lambda axes: panels.neighbours(axes, near), tall_in=5.6)
    if "data_audit" in measured:
        audit = measured["data_audit"]
        pictures["data_audit"] = picture(
            partial(panels.ages, audit=audit), partial(panels.people, audit=audit)
        )
    return pictures


def _by_source(measured: Measured) -> dict[str, bytes]:
    pictures = {}
    sources, peers = measured.get("sources"), measured.get("peers")
    if sources:
        rows = len(sources["sources"])
        tall_in = 2.4 + 0.45 * rows
        pictures["sources"] = picture(lambda axes: by_source.errors(axes, sources, peers), tall_in=tall_in)
        pictures["source_ranges"] = picture(
            lambda axes: by_source.biases(axes, sources),
            lambda axes: by_source.ranges(axes, sources),
            tall_in=2 + 0.3 * rows,
        )
    for name, panel in (("left_out", by_source.left_out), ("site_calibration", by_source.site_calibration)):
        document = measured.get(name)
        if document:
            tall_in = 1.8 + 0.55 * len(document.get("sources") or document["rows"])
            pictures[name] = picture(partial(panel, document=document), tall_in=tall_in)
    return pictures


def withheld(document: Document) -> bytes:
    """Return the plot of what withholding buys, as PNG."""
    return picture(
        lambda axes: panels.withheld_error(axes, document), lambda axes: panels.withheld_share(axes, document)
    )


def picture(*drawn: Callable[[Axes], None], tall_in: float = 4.2) -> bytes:
    """Draw panels one below the other; the same figures give the same bytes."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDE_IN, tall_in * (0.85 * len(drawn) + 0.15)), layout="constrained")
        FigureCanvasAgg(figure)
        for panel, axes in zip(drawn, figure.subplots(len(drawn), squeeze=False).flat, strict=True):
            panel(axes)
        file = io.BytesIO()
        figure.savefig(file, dpi=DPI, format="png", facecolor="white")
    return _small(file)


def _small(file: io.BytesIO) -> bytes:
    """Return a picture with few colours, a third as long, and without notes of the program that drew it."""
    small = io.BytesIO()
    few = Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(small, "PNG", optimize=True)
    return small.getvalue()
