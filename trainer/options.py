"""Defaults and checks that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from simsvc.adapters.inference.bundle import Bundle
from simsvc.errors import SettingsError
from trainer.datasets.held_out import KNOWN, SPLITS, SourcePart, known_sources, parts

BUNDLE = Path("simsvc/bundle/model")


FOLDER = Path("../shared/data/fairface")


def add_part_arguments(parser: argparse.ArgumentParser, limit: int | None = None) -> None:
    """Add --source, --split and --limit."""
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME=PATH",
        help=f"a source and its folder; repeatable (default: {', '.join(KNOWN)}, where they are)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="held-out",
        help="of a source that the model learnt from: valid and test (held-out), test, or all; of others "
        "always all (default: held-out)",
    )
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        default=limit,
        help=f"at most so many faces of a source, drawn with a fixed seed (default: {limit or 'all'})",
    )


def check_writable(path: Path | None) -> None:
    """Refuse a file whose folder is missing.

    Raises:
        SettingsError: it is.
    """
    if path and not path.parent.is_dir():
        raise SettingsError(f"There is no folder {path.parent} to write {path.name} into; make it first.")


def chosen_parts(args: argparse.Namespace, bundle: Bundle) -> tuple[SourcePart, ...]:
    """Return the faces that the command line names.

    Raises:
        SettingsError: the limit leaves no face; see `known_sources` and `parts` for the others.
    """
    if args.limit is not None and args.limit < 1:
        raise SettingsError("--limit must be at least 1.")
    learnt = bundle.raw.get("training", {}).get("sources", [])
    return parts(known_sources(args.source), learnt, args.split, args.limit)
