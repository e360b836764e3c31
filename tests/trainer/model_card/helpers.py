"""The command that writes a model's card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainer.__main__ import main

Folders = tuple[Path, Path, Path]


def call(folders: Folders, *more: str) -> int:
    bundle, measured, run = folders
    given = ["--bundle", str(bundle), "--measured", str(measured), "--run", str(run)]
    return main(["card", *given, *more])


def written(folders: Folders) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folders[0] / "model_card.json").read_text(encoding="utf-8"))
    return card
