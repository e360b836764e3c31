"""What a card is written from: the files that the measuring commands wrote, of the bundle's own model."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsvc.adapters.inference.bundle import Bundle
from simsvc.errors import SettingsError

MEASURED = Path("work/measured")
THIS, EARLIER, DATA = "this model", "an earlier model", "the data"
OTHERS = "models trained for the measurement"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured file."""

    command: str  # arguments of `python -m trainer` that write it, less --json
    keys: tuple[str, ...]  # what it must hold
    of: str = THIS  # whose figures they are: `THIS`, `EARLIER`, `OTHERS` or `DATA`
    split: str | None = None  # part of the data it must be of, or None where there are no parts


MEASUREMENTS: Mapping[str, Measurement] = {
    "test": Measurement("evaluate", ("source", "tables", "fairness", "outcomes"), split="test"),
    "before": Measurement("evaluate --bundle EARLIER", ("source", "tables"), of=EARLIER, split="test"),
    "portraits": Measurement(
        "evaluate --source folder --path ../shared/data/portraits", ("source", "tables"), split="all"
    ),
    "sources": Measurement("sources", ("sources", "mean"), split="held-out"),
    "peers": Measurement("peers", ("peers", "sources", "mean"), split="held-out"),
    "left_out": Measurement("left-out", ("sources",), of=OTHERS),
    "site_calibration": Measurement(
        "site-calibration --source windows:fgnet=../shared/data/fgnet", ("rows",)
    ),
    "coverage": Measurement("calibrate --report", ("parts",), split="test"),
    "framing": Measurement("framing", ("faces", "changes", "worst_cost_years"), split="test"),
    "neighbours": Measurement(
        "neighbours --run RUN --split test --bundle simsvc/bundle/model",
        ("rows", "mae_years", "queries", "gallery"),
        split="test",
    ),
    "withheld": Measurement("withhold", ("trade",)),
    "fairface": Measurement("bands", ("parts", "close_years")),
    "data_audit": Measurement(
        "data --source utkface=../shared/data/utkface --bundle simsvc/bundle/model",
        ("photos", "split_by_decade", "by_gender", "by_group", "by_source", "near_duplicates"),
        of=DATA,
    ),
}
"""Name of the file, less ".json", to what it is. Only the file "test" cannot be left out."""


def read(folder: Path, bundle: Bundle, without: Collection[str] = ()) -> dict[str, Document]:
    """Read every measured file but those left out on purpose.

    Raises:
        SettingsError: one is missing, cannot be understood, lacks a figure, or is of another model or part.
    """
    names = [name for name in MEASUREMENTS if name not in without]
    return {name: _checked(name, _document(folder, name), folder, bundle) for name in names}


def _document(folder: Path, name: str) -> Document:
    try:
        document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"There is no {folder / name}.json. Write it with {_command(folder, name)}, or leave it out on "
            f"purpose with --without {name}."
        ) from None
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise _unusable(folder, name, "cannot be understood")
    return document


def _checked(name: str, document: Document, folder: Path, bundle: Bundle) -> Document:
    """Return the document, or refuse one that would put another model's figures into the card."""
    wanted = MEASUREMENTS[name]
    missing = [key for key in wanted.keys if key not in document]
    if missing:
        raise _unusable(folder, name, f"lacks {', '.join(missing)}")
    model, ours = document.get("model"), (bundle.version, bundle.sha256)
    if wanted.of == THIS and (model, document.get("model_sha256", bundle.sha256)) != ours:
        raise _unusable(folder, name, f"is of the model {model}, not of {bundle.version}")
    if wanted.of == EARLIER and model == bundle.version:
        raise _unusable(folder, name, f"is of {bundle.version} itself, not of an earlier model")
    if wanted.split and document.get("split") != wanted.split:
        raise _unusable(folder, name, f"is of the part {document.get('split')}, not {wanted.split}")
    return document


def _unusable(folder: Path, name: str, problem: str) -> SettingsError:
    return SettingsError(f"{folder / name}.json {problem}. Write it again with {_command(folder, name)}.")


def _command(folder: Path, name: str) -> str:
    return f"`python -m trainer {MEASUREMENTS[name].command} --json {folder / name}.json`"
