"""manifest.json on the disk: written last, read first, and checked against every other file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simsvc.adapters.ops.atomic_files import difference, fingerprint, sync
from simsvc.adapters.ops.permissions import index_unreadable, reading_index
from simsvc.domain.gallery.manifest import Manifest, from_json, sealed, to_json
from simsvc.errors import IndexDamaged

FILE = "manifest.json"


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Fingerprint every file of the folder, seal and write the manifest, flush it all to the disk."""
    files = {path.name: fingerprint(path) for path in sorted(folder.iterdir()) if path.name != FILE}
    manifest = sealed(replace(manifest, files=files))
    (folder / FILE).write_text(to_json(manifest), encoding="utf-8")
    for path in folder.iterdir():
        sync(path)
    sync(folder)
    return manifest


def read(folder: Path) -> Manifest:
    """Read a build's manifest without checking its files.

    Raises:
        IndexDamaged: it is missing, cannot be understood, or is that of another build.
        IndexUnreadable: the account may not read it.
    """
    try:
        manifest = from_json((folder / FILE).read_text(encoding="utf-8"))
    except PermissionError as error:
        raise index_unreadable(error) from None
    except (OSError, UnicodeDecodeError):
        raise IndexDamaged("no_manifest", label=folder.name) from None
    if (manifest.name, manifest.build) != (folder.parent.name, folder.name):
        raise IndexDamaged("moved", parent=folder.parent.name, folder=folder.name, label=manifest.label)
    return manifest


def verify(folder: Path) -> Manifest:
    """Read a build's manifest and check every file against its sha256.

    Raises:
        IndexDamaged: the manifest cannot be used, or a file is not as it states.
        IndexUnreadable: the account may not read one of them.
    """
    manifest = read(folder)
    with reading_index():
        problem = difference(folder, manifest.files)
    if problem:
        raise IndexDamaged("damaged", label=manifest.label, problem=problem)
    return manifest
