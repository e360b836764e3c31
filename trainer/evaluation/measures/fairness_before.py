"""Comparison with an earlier model, by group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsvc.errors import SettingsError

SHOWN = ("mae", "bias", "cs5", "coverage")


def read(path: Path, source: str, split: str) -> dict[str, Any]:
    """Read what `python -m trainer evaluate --json` wrote of an earlier model.

    Raises:
        SettingsError: it is missing, cannot be understood, or is of other faces.
    """
    again = f"Write it with `python -m trainer evaluate --bundle EARLIER --json {path}`."
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        parts = [(table["part"], table["mae"]["value"]) for table in document["tables"]]
        of = document["source"], document["split"]
    except FileNotFoundError:
        raise SettingsError(f"There is no bundle and no file {path} to compare with. {again}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{path} holds no figures of an evaluation. {again}") from None
    if not parts or of != (source, split):
        raise SettingsError(f"{path} is of other faces than the {split} part of {source}. {again}")
    return document


def beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each part that both evaluations have: its figures before and after."""
    old = {table["part"]: table for table in before["tables"]}
    return [
        {"part": table["part"], "faces": table["faces"], **_pairs(old[table["part"]], table)}
        for table in after["tables"]
        if table["part"] in old
    ]


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Return "mae_before", "mae_after" and so on, of the figures that both have."""
    return {
        f"{name}_{when}": table[name]["value"]
        for name in SHOWN
        if before.get(name) and after.get(name)
        for when, table in (("before", before), ("after", after))
    }


def as_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return an aligned table for people."""
    rows = beside(before, after)
    shown = [name for name in SHOWN if all(f"{name}_before" in row for row in rows)]
    lines = [f"before ({before['model']}) and after ({after['model']})"]
    lines.append(f"{'':16}{'faces':>7}" + "".join(f"{name:>17}" for name in shown))
    for row in rows:
        cells = [f"{row[f'{name}_before']:.2f} -> {row[f'{name}_after']:.2f}" for name in shown]
        lines.append(f"{row['part']:16}{row['faces']:>7}" + "".join(f"{cell:>17}" for cell in cells))
    return "\n".join(lines)
