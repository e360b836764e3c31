"""Atomic file writes with hashes and fsync."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.messages import N_, Message


def fingerprint(path: Path) -> Fingerprint:
    """Return SHA-256 and size of a file, read in chunks."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Fingerprint(digest.hexdigest(), file.tell())


def difference(folder: Path, files: dict[str, Fingerprint]) -> Message | None:
    """Return the problem of the first file that does not match, or None; sizes are compared first."""
    for name, stated in files.items():
        path = folder / name
        if not path.is_file():
            return Message(N_("%(file)s is missing"), {"file": name})
        if path.stat().st_size != stated.bytes:
            return Message(N_("the length of %(file)s differs from its manifest"), {"file": name})
    for name, stated in files.items():
        if fingerprint(folder / name) != stated:
            return Message(N_("the content of %(file)s differs from its manifest"), {"file": name})
    return None


def sync(path: Path) -> None:
    """Sync a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)
