"""`python -m trainer results`: add a run to the table of experiments, or show it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from simsvc.errors import SettingsError
from trainer.training.recipes import results
from trainer.training.recipes.recipe import RECIPES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add finished runs, such as work/runs/face")
    add.add_argument("runs", nargs="+", type=Path, metavar="RUN_DIR")
    for action in (add, actions.add_parser("show", help="print the table")):
        action.add_argument(
            "--out", type=Path, default=RECIPES, help="folder of the table (default: the recipes')"
        )


def run(args: argparse.Namespace) -> int:
    """Add or show."""
    if args.action == "add":
        for result in [_result(folder) for folder in args.runs]:  # all are read before one is added
            print(f"{result['recipe']['name']}: {results.add(result, args.out)}")
    else:
        print(results.as_markdown(results.read(args.out)), end="")
    return 0


def _result(folder: Path) -> dict[str, dict[str, object]]:
    try:
        result: dict[str, dict[str, object]] = json.loads((folder / "result.json").read_bytes())
        result["recipe"]["name"]
    except (OSError, KeyError, TypeError, ValueError):
        raise SettingsError(
            f"{folder} holds no result.json that can be read. Name the folder of a finished run."
        ) from None
    return result
