"""current.json: which build is in service, replaced atomically and watched by running services."""

from __future__ import annotations

import json
import os
from pathlib import Path

from simsvc.adapters.index.files.stamp import Stamp, stamp
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.adapters.ops.permissions import shown_path
from simsvc.domain.gallery.manifest import split_label
from simsvc.errors import IndexDamaged, IndexUnreadable, IndexUnusable

FILE = "current.json"


class FilePointer:
    """The file of an index folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = os.fspath(root / FILE)  # joined once instead of per request

    def stamp(self) -> Stamp | None:
        """Return a value that differs after every `write`, with one stat."""
        return stamp(self._name)

    def read(self) -> tuple[str | None, Stamp | None]:
        """Return the build in service and the stamp; raises IndexDamaged, IndexUnreadable."""
        seen = self.stamp()
        return read_current(self._root), seen

    def write(self, label: str) -> None:
        """Put a build into service; raises BuildNotFound if the label is malformed, OSError."""
        write_current(self._root, label)

    def drop(self) -> None:
        """Delete the file: a database knows the build in service."""
        (self._root / FILE).unlink(missing_ok=True)


def write_current(root: Path, label: str) -> None:
    """Put the build "name/build" into service atomically; raises BuildNotFound if the label is malformed."""
    name, build = split_label(label)
    replace_text(root / FILE, json.dumps({"name": name, "build": build}) + "\n")


def read_current(root: Path) -> str | None:
    """Return the label "name/build" in service, or None; raises IndexDamaged, IndexUnreadable."""
    try:
        document = json.loads((root / FILE).read_text(encoding="utf-8"))
        label = f"{document['name']}/{document['build']}"
        split_label(label)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise IndexUnreadable(file=shown_path(error)) from None
    except (IndexUnusable, KeyError, OSError, TypeError, ValueError):
        raise IndexDamaged("current") from None
    return label
