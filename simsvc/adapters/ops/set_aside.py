"""Folders that are renamed before they are deleted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FolderAside:
    """A folder that was renamed."""

    home: Path
    aside: Path

    @staticmethod
    def renamed(home: Path, name: str) -> FolderAside:
        """Rename a folder within its own; raises OSError."""
        return FolderAside(home, home.rename(home.with_name(name)))

    def restore(self) -> None:
        """Give it its name again; raises OSError."""
        self.aside.rename(self.home)

    def delete(self) -> None:
        """Delete it, as far as possible."""
        shutil.rmtree(self.aside, ignore_errors=True)
