"""Files that are whole or absent: hashed, flushed to the disk, and replaced in one step."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from simsvc.domain.gallery.manifest import Fingerprint


def fingerprint(path: Path) -> Fingerprint:
    """Return sha256 and length of a file, read in pieces."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Fingerprint(digest.hexdigest(), file.tell())


def difference(folder: Path, files: dict[str, Fingerprint]) -> str | None:
    """Return what is wrong with the first file that is not as stated, or None; lengths are compared first."""
    for name, stated in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != stated.bytes:
            return f"{name} has another length than its manifest states"
    for name, stated in files.items():
        if fingerprint(folder / name) != stated:
            return f"{name} has another content than its manifest states"
    return None


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or the next start after a crash, finds the old text or the new one."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or the next start after a crash, finds the old one or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)
