"""Which files were found changed while in service: a small file that running services watch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from simsvc.adapters.ops.atomic_files import replace_text

FILE = ".changed-files.json"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is not as its manifest says; `of` is a build's label or the SHA-256 of a model.json."""

    of: str
    file: str


@dataclass(frozen=True, slots=True)
class ChangedFiles:
    """The first changed file of the index build and of the model in service, or None."""

    index: ChangedFile | None = None
    model: ChangedFile | None = None


def read_changed(root: Path) -> ChangedFiles:
    """Return what was found; nothing if there is no such file, or it cannot be read."""
    try:
        said = json.loads((root / FILE).read_text(encoding="utf-8"))
        return ChangedFiles(**{part: one and ChangedFile(**one) for part, one in said.items()})
    except (AttributeError, OSError, TypeError, ValueError):
        return ChangedFiles()


def write_changed(root: Path, found: ChangedFiles) -> None:
    """Write what was found, if it differs from what is there; raises OSError."""
    if found == read_changed(root):
        return
    if found == ChangedFiles():
        (root / FILE).unlink(missing_ok=True)
    else:
        replace_text(root / FILE, json.dumps(asdict(found)) + "\n")
