"""`python -m trainer card`: the model card and its plots, from measured files only, into the bundle."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.model_card import DOCUMENT, PLOTS, read_card
from simsvc.adapters.ops.atomic_files import replace_bytes, replace_text
from simsvc.errors import SettingsError
from trainer.model_card import plots, sections
from trainer.model_card.analysis import WITHHELD, withheld_section
from trainer.model_card.measured import MEASURED, MEASUREMENTS, read
from trainer.model_card.run import read_run
from trainer.options import BUNDLE, run_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument(
        "--measured", type=Path, default=MEASURED, help=f"folder of measured files (default: {MEASURED})"
    )
    parser.add_argument(
        "--run", help="name of the run that the bundle came from, or its folder (default: the bundle's name)"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=sorted(set(MEASUREMENTS) - {"test"}),
        help="leave a measured file out on purpose; the card says so; repeatable",
    )
    text = "bring the card up to bounds that were measured anew, and leave all else in it as it is"
    parser.add_argument("--only-withheld", action="store_true", help=text)


def run(args: argparse.Namespace) -> int:
    """Read and check everything, make everything, and only then write."""
    bundle = load_bundle(args.bundle)
    if args.only_withheld:
        return _renew_withheld(bundle, args.measured)
    measured = read(args.measured, bundle, args.without)
    origin = read_run(run_folder(args.run or bundle.name), bundle)
    try:
        card = sections.card(bundle, origin, measured, tuple(args.without))
        pictures = plots.draw(measured, origin)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"A measured file or the run lacks a figure or holds another than expected ({error!r}). Measure "
            "again with `make measure`."
        ) from None
    _write(args.bundle, card, pictures)
    for aim in card["quantitative_analysis"]["aims"]:
        met = "met" if aim["met"] else "NOT MET"
        print(f"{met:8} {aim['aim']}: {aim['measured']:g} ({aim['wanted']})")
    print(f"{args.bundle}: {DOCUMENT} and {len(pictures)} plots: {', '.join(pictures)}")
    return 0


def _renew_withheld(bundle: Bundle, folder: Path) -> int:
    card = read_card(bundle.folder)
    if card is None:
        raise SettingsError("This model has no card yet. Write a whole one, without --only-withheld.")
    (document,) = read(folder, bundle, set(MEASUREMENTS) - {"withheld"}).values()
    card["quantitative_analysis"][WITHHELD] = withheld_section(document)
    replace_bytes(bundle.folder / "withheld.png", plots.withheld(document))
    _write_document(bundle.folder, card)
    print(f"{bundle.folder}: {WITHHELD} of {DOCUMENT} and its plot")
    return 0


def _write_document(folder: Path, card: dict[str, Any]) -> None:
    replace_text(folder / DOCUMENT, json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _write(folder: Path, card: dict[str, Any], pictures: dict[str, bytes]) -> None:
    """Write plots and then the card; plots of an earlier card that were not drawn now go away."""
    for name in PLOTS:
        if name in pictures:
            replace_bytes(folder / f"{name}.png", pictures[name])
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)
    _write_document(folder, card)
