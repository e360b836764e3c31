"""The model card of a bundle: model_card.json and plots with fixed names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsvc.adapters.ops.permissions import shown_path
from simsvc.errors import BundleDamaged, BundleUnreadable, PlotNotFound
from simsvc.messages import N_

DOCUMENT = "model_card.json"
PLOTS: Mapping[str, str] = {
    "sources": N_("Error by source of the photos"),
    "source_ranges": N_("Bias and likely range by source"),
    "left_out": N_("Error on sources left out of training"),
    "site_calibration": N_("Error with and without your own reference faces"),
    "error_by_age": N_("Error by age"),
    "calibration": N_("Calibration of the intervals"),
    "groups": N_("Error by gender and group"),
    "framing": N_("Error when the crop is moved or scaled"),
    "withheld": N_("Error and coverage against the share withheld"),
    "neighbours": N_("What the neighbours explain"),
    "loss": N_("Loss while training"),
    "data_audit": N_("The data behind the model"),
}
"""Captions by file name without ".png", in order."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""Source: W3C, Portable Network Graphics Specification, section 5.2."""


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return a bundle's model_card.json, or None; raises BundleDamaged, BundleUnreadable."""
    try:
        card = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise BundleUnreadable(file=shown_path(error)) from None
    except (OSError, ValueError):
        card = None
    if not isinstance(card, dict):
        raise BundleDamaged("card")
    return card


def plots(folder: Path) -> dict[str, str]:
    """Return name and caption of every plot in a bundle folder."""
    return {name: caption for name, caption in PLOTS.items() if (folder / f"{name}.png").is_file()}


def read_plot(folder: Path, name: str) -> bytes:
    """Return a plot as PNG bytes.

    Raises PlotNotFound if the name is unknown, or the bundle has no such plot; BundleUnreadable if the file
    is not readable.
    """
    try:
        data = (folder / f"{name}.png").read_bytes() if name in PLOTS else b""
    except PermissionError as error:
        raise BundleUnreadable(file=shown_path(error)) from None
    except OSError:
        data = b""
    if not data.startswith(PNG_SIGNATURE):
        raise PlotNotFound()
    return data
