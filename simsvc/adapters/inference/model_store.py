"""Copies of all models that were in service, in folders named by the SHA-256 of model.json.

model.json has the SHA-256 of every other file, so the folder's name covers all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from simsvc.adapters.inference.bundle import DOCUMENT, Bundle, load_bundle, load_document, parse_document
from simsvc.adapters.objects.shared_folders import Kind, SharedFolders
from simsvc.adapters.ops.atomic_files import sync
from simsvc.adapters.ops.permissions import reading
from simsvc.adapters.ops.set_aside import FolderAside
from simsvc.errors import BundleDamaged, BundleError, BundleUnreachable, BundleUnreadable, ModelGone
from simsvc.ports import SetAside

PREFIX = ".keeping-"
SHA256 = re.compile(r"[0-9a-f]{64}")
MODELS = Kind(
    prefix="models",
    document=DOCUMENT,
    depth=1,
    files=lambda folder: load_document(folder).files,
    missing=lambda: ModelGone("estimate"),
    damaged=lambda _name, problem: BundleDamaged("files", problem=problem),
    unavailable=lambda _name, problem: BundleUnreachable(problem=problem.message),
)
"""Kept models, as an object store has them."""


class ModelStore:
    """Models under one root; placed whole, never edited; `shared` has those of all hosts."""

    def __init__(self, root: Path, shared: SharedFolders | None = None) -> None:
        self._root, self._shared = root, shared

    def keep(self, bundle: Bundle) -> None:
        """Keep a copy of a bundle, unless there is one.

        Raises OSError if the folder is not writable, BundleDamaged if its files changed while they were
        copied, BundleUnreachable if the object store does not take it.
        """
        home = self._root / bundle.document_sha256
        if home.name in self._shared.names() if self._shared else home.is_dir():
            return
        self._root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=self._root))
        try:
            for name in (*bundle.files, DOCUMENT):
                shutil.copyfile(bundle.folder / name, draft / name)
                sync(draft / name)
            if load_bundle(draft).document_sha256 != bundle.document_sha256:
                raise BundleDamaged("copied")
            sync(draft)
            if self._shared:
                self._shared.publish(home.name, draft)
            else:
                _place(draft, home)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def find(self, bundle_sha256: str | None, model_sha256: str | None) -> Bundle:
        """Return the verified model of an estimate, by its weights if an older record lacks the bundle.

        Raises ModelGone if the model is not kept, BundleDamaged if a file has changed, BundleUnreadable if a
        file is not readable, BundleUnreachable if it cannot be fetched now.
        """
        for found in self.kept():
            known = bundle_sha256 or (found.document_sha256 if found.sha256 == model_sha256 else None)
            if found.folder.name == known:
                if found.document_sha256 != found.folder.name:
                    raise BundleDamaged("kept")
                folder = self._shared.open(found.folder.name) if self._shared else found.folder
                return load_bundle(folder)
        raise ModelGone("estimate")

    def kept(self) -> tuple[Bundle, ...]:
        """Return the kept models with a valid model.json, by version.

        Raises BundleUnreadable; BundleUnreachable if the object store cannot be asked.
        """
        found = self._kept_shared(self._shared) if self._shared else self._kept_here()
        return tuple(sorted(found, key=lambda bundle: (bundle.version, bundle.folder.name)))

    def _kept_shared(self, shared: SharedFolders) -> list[Bundle]:
        found = []
        for name in shared.names():
            with suppress(BundleDamaged, ModelGone):  # not listed; records that need it get ModelGone
                found.append(parse_document(shared.path(name), shared.document(name)))
        return found

    def _kept_here(self) -> list[Bundle]:
        found = []
        with reading(BundleUnreadable):
            folders = list(self._root.iterdir()) if self._root.is_dir() else []
        for folder in folders:
            if SHA256.fullmatch(folder.name):
                try:
                    found.append(load_document(folder))
                except BundleUnreadable:
                    raise
                except BundleError:
                    continue  # not listed; records that need it get ModelGone
        return found

    def set_aside(self, bundle: Bundle) -> SetAside:
        """Make a kept model disappear, so that it can be put back; raises OSError, BundleUnreachable."""
        if self._shared:
            return self._shared.set_aside(bundle.folder.name)
        return FolderAside.renamed(bundle.folder, f"{PREFIX}{os.getpid()}-{bundle.folder.name}")


def _place(draft: Path, home: Path) -> None:
    """Rename a finished copy, or keep that of a faster worker."""
    try:
        draft.rename(home)
    except OSError:
        if not home.is_dir():
            raise
    else:
        sync(home.parent)
