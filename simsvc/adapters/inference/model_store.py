"""Copies of all models that were in service, in folders named by the SHA-256 of model.json.

model.json has the SHA-256 of every other file, so the folder's name covers all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from simsvc.adapters.inference.bundle import DOCUMENT, Bundle, load_bundle, load_document
from simsvc.adapters.ops.atomic_files import sync
from simsvc.adapters.ops.permissions import reading
from simsvc.adapters.ops.set_aside import FolderAside
from simsvc.errors import BundleDamaged, BundleError, BundleUnreadable, ModelGone
from simsvc.ports import SetAside

PREFIX = ".keeping-"
SHA256 = re.compile(r"[0-9a-f]{64}")


class ModelStore:
    """Models under one root; placed whole, never edited."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, bundle: Bundle) -> None:
        """Keep a copy of a bundle, unless there is one.

        Raises OSError if the folder is not writable, BundleDamaged if its files changed while they were
        copied.
        """
        home = self._root / bundle.document_sha256
        if home.is_dir():
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
            _place(draft, home)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def find(self, bundle_sha256: str | None, model_sha256: str | None) -> Bundle:
        """Return the verified model of an estimate, by its weights if an older record lacks the bundle.

        Raises ModelGone if the model is not kept, BundleDamaged if a file has changed, BundleUnreadable if a
        file is not readable.
        """
        for found in self.kept():
            known = bundle_sha256 or (found.document_sha256 if found.sha256 == model_sha256 else None)
            if found.folder.name == known:
                if found.document_sha256 != found.folder.name:
                    raise BundleDamaged("kept")
                return load_bundle(found.folder)
        raise ModelGone("estimate")

    def kept(self) -> tuple[Bundle, ...]:
        """Return the kept models with a valid model.json, by version; raises BundleUnreadable."""
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
        return tuple(sorted(found, key=lambda bundle: (bundle.version, bundle.folder.name)))

    def set_aside(self, bundle: Bundle) -> SetAside:
        """Rename a kept model's folder aside."""
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
