"""A copy of every model that was in service, each in a folder named by the sha256 of its model.json.

model.json states the sha256 of every other file, so that the folder's name vouches for all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from simsvc.adapters.inference.bundle import DOCUMENT, Bundle, load_bundle, load_document
from simsvc.adapters.ops.atomic_files import sync
from simsvc.adapters.ops.permissions import reading_bundle
from simsvc.errors import BundleDamaged, BundleError, BundleUnreadable, ModelGone

PREFIX = ".keeping-"
SHA256 = re.compile(r"[0-9a-f]{64}")


class ModelStore:
    """Models under one root; placed whole, never edited."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, bundle: Bundle) -> None:
        """Keep a copy of a bundle, unless it is kept already.

        Raises:
            OSError: the folder cannot be written to.
            BundleDamaged: its files changed while they were copied.
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
                raise BundleDamaged("The model's files changed while they were copied. Start again.")
            sync(draft)
            _place(draft, home)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def find(self, bundle_sha256: str | None, model_sha256: str | None) -> Bundle:
        """Return the kept model that made an estimate, every file checked.

        Args:
            bundle_sha256: of its model.json, as recorded; None in older records.
            model_sha256: of its weights, by which it is found where the former is unknown.

        Raises:
            ModelGone: it is not kept, or was retired.
            BundleDamaged: a file is not as it was when the model was in service.
            BundleUnreadable: the account may not read what is kept.
        """
        for found in self.kept():
            known = bundle_sha256 or (found.document_sha256 if found.sha256 == model_sha256 else None)
            if found.folder.name == known:
                if found.document_sha256 != found.folder.name:
                    raise BundleDamaged(
                        "The kept model cannot be used: its model.json is not the one that was in service. "
                        "Put it back from a back-up."
                    )
                return load_bundle(found.folder)
        raise ModelGone(
            "The model that made this estimate is no longer kept here, so it cannot be run again. "
            "If there is a back-up of the models' folder, put it back."
        )

    def kept(self) -> tuple[Bundle, ...]:
        """Return every kept model whose model.json is whole, other files unchecked, in order of version.

        Raises:
            BundleUnreadable: the account may not read what is kept.
        """
        found = []
        with reading_bundle():
            folders = list(self._root.iterdir()) if self._root.is_dir() else []
        for folder in folders:
            if SHA256.fullmatch(folder.name):
                try:
                    found.append(load_document(folder))
                except BundleUnreadable:
                    raise
                except BundleError:
                    continue  # shown nowhere; a record that needs it is told that the model is gone
        return tuple(sorted(found, key=lambda bundle: (bundle.version, bundle.folder.name)))

    def set_aside(self, bundle: Bundle) -> Path:
        """Take a kept model off the shelf and return where it lies until it is discarded or put back."""
        aside = bundle.folder.with_name(f"{PREFIX}{os.getpid()}-{bundle.folder.name}")
        bundle.folder.rename(aside)
        return aside


def _place(draft: Path, home: Path) -> None:
    """Rename a finished copy; where another worker was faster, its copy stays."""
    try:
        draft.rename(home)
    except OSError:
        if not home.is_dir():
            raise
    else:
        sync(home.parent)
