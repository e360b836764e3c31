"""Where the folders of index builds are: below the index folder, or in an object store with local copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.objects.shared_folders import Kind, SharedFolders
from simsvc.adapters.ops.atomic_files import sync
from simsvc.adapters.ops.permissions import reading
from simsvc.adapters.ops.set_aside import FolderAside
from simsvc.domain.gallery.manifest import BUILD_PATTERN, NAME_PATTERN, Manifest, from_json, split_label
from simsvc.errors import BuildNotFound, IndexDamaged, IndexUnreachable, IndexUnreadable, ObjectsUnavailable
from simsvc.ports import SetAside

DRAFT_PREFIX = ".building-"


class BuildFolders(Protocol):
    """The folders of all builds."""

    def labels(self) -> tuple[str, ...]:
        """Return "name/build" of every build, in order; raises IndexUnreadable, IndexUnreachable."""

    def path(self, label: str) -> Path:
        """Return where the local folder of a build is, or would be."""

    def check(self, label: str) -> None:
        """Raise BuildNotFound if there is no such build."""

    def open(self, label: str, keep: Callable[[], Collection[str]]) -> Path:
        """Return the local folder of a build; `keep` names builds that are not dropped to make room."""

    def manifest(self, label: str) -> Manifest:
        """Return a build's unverified manifest; raises BuildNotFound, IndexDamaged."""

    def manifest_bytes(self, label: str) -> bytes:
        """Return a build's manifest.json; raises BuildNotFound, OSError."""

    def place(self, draft: Path, label: str) -> None:
        """Make a finished draft the folder of a build."""

    def set_aside(self, label: str) -> SetAside:
        """Make a build disappear, so that it can be put back."""

    def sweep(self) -> None:
        """Delete what builds that died have left in the store."""


class LocalBuilds:
    """Builds below the index folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def labels(self) -> tuple[str, ...]:
        """Return "name/build" of every build, in order; raises IndexUnreadable."""
        with reading(IndexUnreadable):
            names = _folders(self._root)
            folders = [folder for name in names for folder in _folders(name)]
        labels = (f"{folder.parent.name}/{folder.name}" for folder in folders)
        return tuple(sorted(label for label in labels if _is_label(label)))

    def path(self, label: str) -> Path:
        """Return where the folder of a build is, or would be; raises BuildNotFound for a malformed label."""
        return self._root.joinpath(*split_label(label))

    def check(self, label: str) -> None:
        """Raise BuildNotFound if there is no such build."""
        folder = self.path(label)
        with reading(IndexUnreadable):
            there = folder.is_dir()
        if not there:
            raise BuildNotFound("unknown")

    def open(self, label: str, keep: Callable[[], Collection[str]]) -> Path:
        """Return the folder of a build; raises BuildNotFound."""
        del keep
        self.check(label)
        return self.path(label)

    def manifest(self, label: str) -> Manifest:
        """Return a build's unverified manifest; raises BuildNotFound, or IndexDamaged if unreadable."""
        return manifests.read(self.open(label, tuple))

    def manifest_bytes(self, label: str) -> bytes:
        """Return a build's manifest.json; raises BuildNotFound, OSError."""
        return (self.open(label, tuple) / manifests.FILE).read_bytes()

    def place(self, draft: Path, label: str) -> None:
        """Rename a finished draft to its build ID, or keep an intact identical build."""
        home = self.path(label)
        if home.exists():
            try:
                manifests.verify(home)
            except IndexDamaged:
                home.rename(draft.with_name(f"{draft.name}-damaged"))
            else:
                return
        draft.rename(home)
        sync(home.parent)

    def set_aside(self, label: str) -> SetAside:
        """Rename a build's folder aside; raises BuildNotFound."""
        folder = self.open(label, tuple)
        return FolderAside.renamed(folder, f"{DRAFT_PREFIX}{os.getpid()}-{folder.name}")

    def sweep(self) -> None:
        """Do nothing: drafts are swept with the index folder."""


@dataclass(frozen=True, slots=True)
class SharedBuilds:
    """Builds in an object store."""

    folders: SharedFolders

    def labels(self) -> tuple[str, ...]:
        """Return "name/build" of every build, in order; raises IndexUnreachable."""
        return tuple(label for label in self.folders.names() if _is_label(label))

    def path(self, label: str) -> Path:
        """Return where the copy of a build is, or would be; raises BuildNotFound for a malformed label."""
        return self.folders.path("/".join(split_label(label)))

    def check(self, label: str) -> None:
        """Raise BuildNotFound if there is no such build; IndexUnreachable."""
        self.folders.check("/".join(split_label(label)))

    def open(self, label: str, keep: Callable[[], Collection[str]]) -> Path:
        """Return a verified copy of a build; raises BuildNotFound, IndexDamaged, IndexUnreachable."""
        return self.folders.open("/".join(split_label(label)), keep)

    def manifest(self, label: str) -> Manifest:
        """Return a build's unverified manifest; raises BuildNotFound, IndexDamaged, IndexUnreachable."""
        try:
            manifest = from_json(self.manifest_bytes(label).decode())
        except UnicodeDecodeError:
            raise IndexDamaged("no_manifest", label=label) from None
        if manifest.label != label:
            raise IndexDamaged("manifest")
        return manifest

    def manifest_bytes(self, label: str) -> bytes:
        """Return a build's manifest.json; raises BuildNotFound, IndexUnreachable."""
        return self.folders.document("/".join(split_label(label)))

    def place(self, draft: Path, label: str) -> None:
        """Store a finished draft; raises IndexUnreachable."""
        self.folders.publish(label, draft)

    def set_aside(self, label: str) -> SetAside:
        """Make a build disappear for all hosts; raises BuildNotFound, IndexUnreachable."""
        self.check(label)
        return self.folders.set_aside(label)

    def sweep(self) -> None:
        """Delete the objects of builds that were never finished; raises IndexUnreachable."""
        self.folders.sweep(datetime.now(UTC))


def _unreachable(label: str, problem: ObjectsUnavailable) -> IndexUnreachable:
    del label
    return IndexUnreachable(problem=problem.message)


BUILDS = Kind(
    prefix="indexes",
    document=manifests.FILE,
    depth=2,
    files=lambda folder: manifests.read(folder).files,
    missing=lambda: BuildNotFound("unknown"),
    damaged=lambda label, problem: IndexDamaged("damaged", label=label, problem=problem),
    unavailable=_unreachable,
)
"""Index builds, as an object store has them."""


def _is_label(label: str) -> bool:
    name, _, build = label.partition("/")
    return bool(BUILD_PATTERN.fullmatch(build) and NAME_PATTERN.fullmatch(name))


def _folders(place: Path) -> list[Path]:
    """Return the subfolders; unlike glob, raise if the folder is unreadable."""
    return [entry for entry in place.iterdir() if entry.is_dir()] if place.is_dir() else []
