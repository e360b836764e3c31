"""The model card of a bundle: model_card.json and plots with fixed names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsvc.adapters.ops.permissions import bundle_unreadable
from simsvc.errors import BundleDamaged, PlotNotFound

DOCUMENT = "model_card.json"
PLOTS: Mapping[str, str] = {
    "sources": "Error by source of the photos",
    "source_ranges": "Bias and likely range by source",
    "left_out": "Error on sources left out of training",
    "site_calibration": "Error with and without your own reference faces",
    "error_by_age": "Error by age",
    "calibration": "Calibration of the intervals",
    "groups": "Error by gender and group",
    "framing": "Error when the crop is moved or scaled",
    "withheld": "Error and coverage against the share withheld",
    "neighbours": "What the neighbours explain",
    "loss": "Loss while training",
    "data_audit": "The data behind the model",
}
"""Captions by file name without ".png", in order."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""Source: W3C, Portable Network Graphics Specification, section 5.2."""


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return model_card.json of a bundle folder, or None.

    Raises:
        BundleDamaged: it is not valid.
        BundleUnreadable: the file is not readable.
    """
    try:
        card = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise bundle_unreadable(error) from None
    except (OSError, ValueError):
        card = None
    if not isinstance(card, dict):
        raise BundleDamaged(
            "The model card cannot be understood. Write it anew with `python -m trainer card`, "
            f"or delete {DOCUMENT} from the bundle folder."
        )
    return card


def plots(folder: Path) -> dict[str, str]:
    """Return name and caption of every plot in a bundle folder."""
    return {name: caption for name, caption in PLOTS.items() if (folder / f"{name}.png").is_file()}


def read_plot(folder: Path, name: str) -> bytes:
    """Return a plot as PNG bytes.

    Raises:
        PlotNotFound: the name is unknown, or the bundle has no such plot.
        BundleUnreadable: the file is not readable.
    """
    try:
        data = (folder / f"{name}.png").read_bytes() if name in PLOTS else b""
    except PermissionError as error:
        raise bundle_unreadable(error) from None
    except OSError:
        data = b""
    if not data.startswith(PNG_SIGNATURE):
        raise PlotNotFound(
            "This model came without a plot of that name. Look at the model page for those it has."
        )
    return data
