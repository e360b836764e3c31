"""The table of experiments: one row a recipe, kept as JSON and shown as Markdown."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.errors import SettingsError
from trainer.training.recipes.recipe import Recipe

RESULTS = "results.json"
TABLE = "RESULTS.md"
_COLUMNS = ("recipe", "body", "head", "loss", "size x epochs", "extras", "MAE", "RMSE", "minutes", "machine")
_SHOWN = {"name", "body", "head", "loss", "schedule", "text", "seed"}
_INTRODUCTION = """# Results

One row a recipe, best first. MAE and RMSE are in years, on the validation part, of the best epoch; the test
part decides nothing and is not shown. Minutes are of training and validation, on the machine named.
Extras are what differs from a recipe's defaults. Written by `python -m trainer fit` from results.json;
`python -m trainer results add RUN_DIR` adds a run that was trained elsewhere.

"""


def add(result: dict[str, Any], folder: Path) -> Path:
    """Add a run's result to a folder's `results.json`, or replace its recipe's; return the path of the table.

    Raises:
        SettingsError: the result lacks a figure, or the table of this folder cannot be read or written.
    """
    rows = {row["recipe"]: row for row in read(folder)} | {result["recipe"]["name"]: _row(result)}
    ordered = sorted(rows.values(), key=lambda row: (row["valid_mae"], row["recipe"]))
    try:
        replace_text(folder / RESULTS, json.dumps(ordered, indent=1) + "\n")
        replace_text(folder / TABLE, as_markdown(ordered))
    except OSError as error:
        raise SettingsError(
            f"The table of results cannot be written ({error.strerror}). The run is kept; add it later with "
            "`python -m trainer results add RUN_DIR`."
        ) from None
    return folder / TABLE


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a folder's `results.json`, none where there is no such file.

    Raises:
        SettingsError: it cannot be understood.
    """
    try:
        rows: list[dict[str, Any]] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        for row in rows:
            _line(row)
    except FileNotFoundError:
        return []
    except (AttributeError, KeyError, TypeError, ValueError):
        raise SettingsError(
            f"{folder / RESULTS} cannot be understood. Remove it and add the runs again with "
            "`python -m trainer results add RUN_DIR`."
        ) from None
    return rows


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """Return the table for people."""
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *(_line(row) for row in rows)]
    return _INTRODUCTION + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(result: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that are kept; of paths on this machine only the file's name."""
    try:
        recipe = result["recipe"]
        return {
            "recipe": recipe["name"],
            **{key: recipe[key] for key in ("body", "head", "loss", "schedule")},
            "extras": _extras(recipe),
            "valid_mae": round(result["valid_mae"], 3),
            "valid_rmse": round(result["valid_rmse"], 3),
            "minutes": round(result["seconds"] / 60, 1),
            "machine": result["machine"],
            "faces": result.get("learnt_from", result["faces"]["train"]),
            "sources": result["sources"],
        }
    except (KeyError, TypeError):
        raise SettingsError("This result.json lacks a figure; train the recipe again.") from None


def _extras(recipe: dict[str, Any]) -> dict[str, Any]:
    defaults = {field.name: field.default for field in fields(Recipe) if field.name not in _SHOWN}
    extras = {}
    for key, default in defaults.items():
        value = recipe.get(key, default)
        value = Path(value).name if key == "weights" else value
        if value != (list(default) if isinstance(value, list) and isinstance(default, tuple) else default):
            extras[key] = value
    return extras


def _line(row: dict[str, Any]) -> list[str]:
    extras = ", ".join(f"{key} {_short(value)}" for key, value in row["extras"].items())
    figures = [f"{row['valid_mae']:.2f}", f"{row['valid_rmse']:.2f}", f"{row['minutes']:.0f}"]
    names = [str(row[key]) for key in ("recipe", "body", "head", "loss", "schedule")]
    return [*names, extras, *figures, str(row["machine"])]


def _short(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "/".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
