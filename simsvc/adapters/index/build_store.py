"""The index folder: builds are written to a draft, renamed and never changed.

<root>/current.json                 which build is in service, unless a database says so
<root>/.lock                        held while a build is made
<root>/<name>/.building-<pid>-<random>/  a build in the making; swept by the next one if it died
<root>/<name>/.embedded             what builds that were cut off had done; see
`adapters.index.embedding_cache` <root>/<name>/<build id>/           a finished build
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.build_folders import DRAFT_PREFIX, BuildFolders, LocalBuilds, SharedBuilds
from simsvc.adapters.index.engines import chosen
from simsvc.adapters.index.engines.annoy_forest import SEED
from simsvc.adapters.index.engines.copies import find_copies
from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.embedding_cache import FILE, EmbeddedJournal
from simsvc.adapters.index.files.face_columns import (
    ESTIMATES,
    read_estimates,
    write_copies,
    write_estimates,
    write_persons,
)
from simsvc.adapters.index.files.gallery import Gallery, GalleryWriter
from simsvc.adapters.index.served_state import ServedState, state_in_files
from simsvc.adapters.objects.shared_folders import SharedFolders
from simsvc.domain.calibration.fit_build import fit_build, seen_faces
from simsvc.domain.estimate.support import measure
from simsvc.domain.gallery.face_changes import FaceChanges
from simsvc.domain.gallery.labelled_faces import SeenFace, labels_sha256
from simsvc.domain.gallery.manifest import NAME_PATTERN, BuildFacts, IndexEngine, Manifest
from simsvc.domain.gallery.near_duplicates import NearDuplicates, numbered, summary
from simsvc.errors import (
    BuildNotFound,
    IndexDamaged,
    IndexTooLarge,
    IndexUnusable,
    IndexUnwritable,
)
from simsvc.ports import SetAside
from simsvc.values import FloatVector, LabelledFace, SupportScale
from simsvc.values.site_calibration import SiteCalibration

LIBRARIES = ("numpy", "onnxruntime", "pillow")
ENGINE_LIBRARIES = {"onnx": "onnxruntime", "openvino": "openvino", "torch": "torch"}
"""Distributions whose versions affect a build's bytes."""


class IndexDraft:
    """A draft of a build; faces are added in final order."""

    def __init__(
        self, folder: Path, place: Callable[[Path, str], None], engine: IndexEngine = "annoy"
    ) -> None:
        self._folder, self._place = folder, place
        self._engine: IndexEngine = engine
        self._gallery = GalleryWriter(folder)
        self.journal = EmbeddedJournal(folder.parent / FILE, (*LIBRARIES, *ENGINE_LIBRARIES.values()))
        self._rows = bytearray()
        self._seen: list[SeenFace | None] = []

    @property
    def faces(self) -> Sequence[LabelledFace]:
        """Faces added so far."""
        return self._gallery.faces

    def add(
        self, face: LabelledFace, embedding: FloatVector, thumbnail: bytes, seen: SeenFace | None = None
    ) -> None:
        """Append a face with its unit vector, float32 (D,), thumbnail and facts."""
        self._seen.append(seen)
        self._gallery.add(face, thumbnail)
        self._rows += embedding.astype(np.float32).tobytes()

    def finish(self, facts: BuildFacts) -> Manifest:
        """Write all files, the manifest last, and make the folder that of its build."""
        self._gallery.finish()
        embeddings = np.frombuffer(self._rows, dtype=np.float32).reshape(len(self.faces), -1)
        written = chosen.write(self._engine, self._folder, embeddings)
        photos = find_copies(len(self.faces), written.near(), Gallery(self._folder))
        write_copies(self._folder, numbered(photos, len(self.faces)))
        support = measure(embeddings[[items[0] for items in photos]])
        manifest = self._manifest(facts, written, support, summary(photos, self.faces))
        manifest = replace(manifest, calibration=self._calibrated(facts.model.sha256, embeddings, photos))
        manifest = manifests.write(self._folder, manifest)
        self._place(self._folder, manifest.label)
        return manifest

    def _calibrated(
        self, model_sha256: str, embeddings: FloatVector, photos: Sequence[Sequence[int]]
    ) -> SiteCalibration | None:
        seen = seen_faces(self._seen, [face.age_years for face in self.faces], embeddings, photos)
        if seen is None:
            return None
        fitted = fit_build(seen, model_sha256)
        write_estimates(self._folder, fitted.estimates_years)
        write_persons(self._folder, [one.person if one else None for one in self._seen])
        return fitted.calibration

    def _manifest(
        self, facts: BuildFacts, written: chosen.Written, support: SupportScale | None, copies: NearDuplicates
    ) -> Manifest:
        libraries = (*LIBRARIES, ENGINE_LIBRARIES[facts.model.engine], chosen.LIBRARIES[self._engine])
        return Manifest(
            name=self._folder.parent.name,
            dims=len(self._rows) // np.dtype(np.float32).itemsize // len(self.faces),
            trees=written.trees,
            search_k=written.search_k,
            recall=written.measured.share,
            measured=written.measured,
            support=support,
            copies=copies,
            seed=SEED,
            count=len(self.faces),
            facts=facts,
            labels_sha256=labels_sha256(self.faces),
            libraries={name: version(name) for name in libraries},
            files={},
            **written.more,
        )


class IndexStore:
    """Every build under one root, and which of them is in service; `shared` has the builds of all hosts."""

    def __init__(
        self,
        root: Path,
        state: ServedState | None = None,
        shared: SharedFolders | None = None,
        engine: IndexEngine = "annoy",
    ) -> None:
        """Open the builds under a root; `engine` searches those that are made."""
        self.root = root
        self._engine: IndexEngine = engine
        self._builds: BuildFolders = LocalBuilds(root) if shared is None else SharedBuilds(shared)
        self.state = state or state_in_files(root)
        self.journal = self.state.journal

    @contextmanager
    def draft(self, name: str) -> Iterator[IndexDraft]:
        """Start a build of the index `name` with a lock; unfinished builds are removed.

        Raises BuildNotFound if the name is not valid; BuildRunning if another build is running;
        IndexUnwritable if the disk is full, or the folder is not writable; IndexTooLarge if there is not
        enough memory.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise BuildNotFound("name", name=name)
        with _written(), self.state.lock(self.root, name):
            self._sweep()
            folder = Path(tempfile.mkdtemp(prefix=f"{DRAFT_PREFIX}{os.getpid()}-", dir=self.root / name))
            draft = IndexDraft(folder, self._builds.place, self._engine)
            try:
                yield draft
                draft.journal.drop()
            finally:
                draft.journal.close()
                shutil.rmtree(folder, ignore_errors=True)

    def labels(self) -> tuple[str, ...]:
        """Return "name/build" of every build, in order; raises IndexUnreadable, IndexUnreachable."""
        return self._builds.labels()

    def find(self, text: str) -> str:
        """Return the label for "name/build" or the start of a build ID; raises BuildNotFound if ambiguous."""
        labels = self.labels()
        found = [label for label in labels if label == text]
        found = found or [label for label in labels if text and label.partition("/")[2].startswith(text)]
        if len(found) == 1:
            return found[0]
        if found:
            raise BuildNotFound("several")
        raise BuildNotFound("unknown")

    def verify(self, label: str) -> Manifest:
        """Verify every file of a build and return its manifest; raises BuildNotFound, IndexDamaged."""
        return manifests.verify(self.open_build(label))

    def manifest(self, label: str) -> Manifest:
        """Return a build's unverified manifest; raises BuildNotFound, or IndexDamaged if unreadable."""
        return self._builds.manifest(label)

    def manifest_sha256(self, label: str) -> str | None:
        """Return the SHA-256 of a build's manifest.json as it is on disk; None if it cannot be read."""
        try:
            return hashlib.sha256(self._builds.manifest_bytes(label)).hexdigest()
        except (IndexUnusable, OSError):
            return None

    def face_changes(self) -> FaceChanges:
        """Return the changes to reference faces; raises IndexDamaged if their file is damaged."""
        return self.journal.changes()

    def gallery(self, label: str) -> Gallery:
        """Open a build's faces without changes; raises BuildNotFound, or IndexDamaged if unreadable."""
        return Gallery(self.open_build(label))

    def calibration(self, label: str) -> SiteCalibration | None:
        """Return a build's latest site calibration, if any; raises BuildNotFound, IndexDamaged."""
        return self.face_changes().calibrations.get(label, self.manifest(label).calibration)

    def estimates(self, label: str) -> NDArray[np.float32] | None:
        """Return the model's estimates of a build's faces, float32 (N, 2), or None for an older build.

        See `face_columns.write_estimates`.

        Raises BuildNotFound if there is no such build, IndexDamaged if they cannot be read.
        """
        folder = self.open_build(label)
        if ESTIMATES not in self.manifest(label).files:
            return None
        try:
            return read_estimates(folder)
        except (OSError, ValueError):
            raise IndexDamaged("estimates", label=label) from None

    def current(self) -> str | None:
        """Return the build in service, or None; raises IndexDamaged if current.json is not valid."""
        return self.state.pointer.read()[0]

    def switch(self, label: str) -> None:
        """Put a build into service; raises BuildNotFound, or IndexUnwritable for current.json."""
        self._builds.check(label)
        with _written():
            self.state.pointer.write(label)

    def set_aside(self, label: str) -> SetAside:
        """Make a build disappear, so that it can be put back; raises BuildNotFound, IndexUnwritable."""
        with _written():
            return self._builds.set_aside(label)

    def open_build(self, label: str) -> Path:
        """Return the local folder of a build, fetched from the object store if need be.

        Raises BuildNotFound if there is no such build; IndexDamaged if what was fetched is damaged;
        IndexUnreachable if it cannot be fetched now.
        """
        return self._builds.open(label, self._in_service)

    def build_path(self, label: str) -> Path:
        """Return where the local folder of a build is, or would be; raises BuildNotFound if malformed."""
        return self._builds.path(label)

    def _in_service(self) -> tuple[str, ...]:
        """Return the build that is not dropped to make room for another one."""
        with suppress(IndexUnusable):
            current = self.current()
            return (current,) if current else ()
        return ()

    def _sweep(self) -> None:
        self._builds.sweep()
        for folder in self.root.glob(f"*/{DRAFT_PREFIX}*"):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IndexUnwritable(problem=str(error.strerror or error)) from None
    except MemoryError:
        raise IndexTooLarge("memory") from None
