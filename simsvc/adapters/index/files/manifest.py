"""manifest.json on disk: written last, and verified against all other files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simsvc.adapters.ops.atomic_files import difference, fingerprint, sync
from simsvc.adapters.ops.permissions import reading, shown_path
from simsvc.domain.gallery.manifest import Manifest, from_json, sealed, to_json
from simsvc.errors import IndexDamaged, IndexUnreadable

FILE = "manifest.json"


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Hash every file of the folder, write the sealed manifest and sync everything to disk."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    files = {path.relative_to(folder).as_posix(): fingerprint(path) for path in paths}
    manifest = sealed(replace(manifest, files=files))
    (folder / FILE).write_text(to_json(manifest), encoding="utf-8")
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
    return manifest


def read(folder: Path) -> Manifest:
    """Read a build's manifest without verifying its files.

    Raises IndexDamaged if it is missing, not valid, or of another build; IndexUnreadable if the file is not
    readable.
    """
    try:
        manifest = from_json((folder / FILE).read_text(encoding="utf-8"))
    except PermissionError as error:
        raise IndexUnreadable(file=shown_path(error)) from None
    except (OSError, UnicodeDecodeError):
        raise IndexDamaged("no_manifest", label=folder.name) from None
    if (manifest.name, manifest.build) != (folder.parent.name, folder.name):
        raise IndexDamaged("moved", parent=folder.parent.name, folder=folder.name, label=manifest.label)
    return manifest


def verify(folder: Path) -> Manifest:
    """Read a build's manifest and verify every file.

    Raises IndexDamaged if the manifest is not valid, or a file does not match; IndexUnreadable if a file is
    not readable.
    """
    manifest = read(folder)
    with reading(IndexUnreadable):
        problem = difference(folder, manifest.files)
    if problem:
        raise IndexDamaged("damaged", label=manifest.label, problem=problem)
    return manifest
