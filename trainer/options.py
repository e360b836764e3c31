"""Defaults and checks that several commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsvc.adapters.inference.bundle import DOCUMENT, Bundle
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.errors import SettingsError
from trainer.datasets.corpus import cores
from trainer.datasets.held_out import KNOWN, SPLITS, SourcePart, known_sources, parts
from trainer.training.runs import RUNS

BUNDLE = Path("simsvc/bundle/model")
FOLDER = Path("../shared/data/fairface")


def add_bundle_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --bundle, --json and --threads."""
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--threads", type=int, default=cores(), help="(default: all)")


def add_known_source_argument(parser: argparse.ArgumentParser, learnt: str = "") -> None:
    """Add --source; `learnt` says what is taken of one that the model learnt from."""
    text = f"a source and its folder; repeatable (default: {', '.join(KNOWN)}, where they are){learnt}"
    parser.add_argument("--source", action="append", metavar="NAME=PATH", help=text)


def add_part_arguments(parser: argparse.ArgumentParser, limit: int | None = None) -> None:
    """Add --source, --split and --limit."""
    add_known_source_argument(parser)
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="held-out",
        help="of a source that the model learnt from: valid and test (held-out), test, or all; of others "
        "always all (default: held-out)",
    )
    text = f"at most so many faces of a source, drawn with a fixed seed (default: {limit or 'all'})"
    parser.add_argument("--limit", type=int, metavar="N", default=limit, help=text)


def run_folder(name: str) -> Path:
    """Return the folder of a run that is given by name or by folder."""
    return Path(name) if Path(name).is_dir() else RUNS / name


def check_writable(path: Path | None) -> None:
    """Refuse a file whose folder is missing.

    Raises:
        SettingsError: it is.
    """
    if path and not path.parent.is_dir():
        raise SettingsError(f"There is no folder {path.parent} to write {path.name} into; make it first.")


def write_json(path: Path | None, document: Mapping[str, Any]) -> None:
    """Write figures where --json names a file."""
    if path:
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def add_to_model(bundle: Bundle, entries: Mapping[str, Any]) -> None:
    """Write entries into the bundle's model.json, in place of earlier ones of the same names."""
    replace_text(bundle.folder / DOCUMENT, json.dumps({**bundle.raw, **entries}, indent=1) + "\n")


def learnt_from(bundle: Bundle) -> list[str]:
    """Return the sources that a bundle was trained on."""
    return list(bundle.raw.get("training", {}).get("sources", []))


def chosen_parts(args: argparse.Namespace, bundle: Bundle) -> tuple[SourcePart, ...]:
    """Return the faces that the command line names.

    Raises:
        SettingsError: the limit leaves no face; see `known_sources` and `parts` for the others.
    """
    if args.limit is not None and args.limit < 1:
        raise SettingsError("--limit must be at least 1.")
    return parts(known_sources(args.source), learnt_from(bundle), args.split, args.limit)
