"""Check an import of reference faces, and use its photos, in a process of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from simsvc.domain.gallery.cached_embedding import Embedded, Outcome
from simsvc.domain.gallery.importing.import_findings import findings, same_photos
from simsvc.domain.gallery.labelled_faces import LabelledPhoto, LabelledSource
from simsvc.domain.gallery.manifest import EngineName, Manifest
from simsvc.errors import ImportInterrupted, SimsvcError
from simsvc.flows.gallery.build_index import BuildRequest, EmbeddingJournal, OnBuilt, Shelf, build
from simsvc.flows.gallery.embed_faces import embed, key_of
from simsvc.flows.gallery.import_faces import earlier, photo_sha256
from simsvc.flows.gallery.live_faces import AddedFaces
from simsvc.flows.parallel import in_order
from simsvc.ports import Detector, Model, PictureDecoder
from simsvc.values.face_imports import CheckedPhoto, FaceImport, ImportCheck, ImportPhoto, ImportState

TOLD_EVERY_S = 0.25
"""How often progress is written: the page asks every 2 s."""

_log = logging.getLogger(__name__)


class Spool(Protocol):
    """Stored imports."""

    def find(self, import_id: str) -> FaceImport:
        """Return an import; raises ImportNotFound."""

    def photo(self, import_id: str, position: int) -> Path:
        """Return the path of a photo."""

    def state(self, import_id: str) -> ImportState:
        """Return how far an import is."""

    def set_state(self, import_id: str, state: ImportState) -> None:
        """Store how far an import is."""

    def check(self, import_id: str) -> ImportCheck:
        """Return what checking found so far."""

    def set_check(self, import_id: str, check: ImportCheck) -> None:
        """Store what checking found."""

    def put_thumbnail(self, import_id: str, position: int, jpeg: bytes) -> None:
        """Store the thumbnail of a face."""

    def clear(self, import_id: str) -> None:
        """Delete everything about the photos."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What processing an import needs.

    Attributes:
        journal: opens the embeddings of an import.
        on_built: records a build and its faces.
        trained_on: data sets the model was trained on.
        add_live: adds a source to the index in service for an actor; see `flows.live_faces`.
    """

    spool: Spool
    journal: Callable[[str], EmbeddingJournal]
    shelf: Shelf
    detector: Detector
    model: Model
    decoder: PictureDecoder
    on_built: OnBuilt
    engine: EngineName
    workers: int
    trained_on: frozenset[str]
    add_live: Callable[[LabelledSource, str, Callable[[int, int], None]], AddedFaces]


def process(spool: Spool, import_id: str, open_workshop: Callable[[], Workshop]) -> None:
    """Check an import, build from it or add it, whichever was started; a failure is stored for its page.

    The index in service stays as it is.
    """
    state = spool.state(import_id)
    try:
        workshop = open_workshop()
        if state.phase == "checking":
            check(workshop, import_id)
        elif state.phase == "building":
            manifest = build_from(workshop, import_id)
            spool.set_state(import_id, ImportState("built", label=manifest.label))
            spool.clear(import_id)
        elif state.phase == "adding":
            added = add_from(workshop, import_id, f"user:{state.by}")
            done = len(added.faces)
            spool.set_state(import_id, ImportState("added", done=done, total=state.total, label=added.label))
            spool.clear(import_id)
    except SimsvcError as error:
        _log.error("import %s: %s", import_id, error.sentence)
        spool.set_state(import_id, ImportState(earlier(state), problem=error.message))
    except OSError as error:
        _log.exception("import %s cannot be written", import_id)
        problem = ImportInterrupted("disk", problem=error.strerror).message
        spool.set_state(import_id, ImportState(earlier(state), problem=problem))
    except Exception:  # a bug: the page says so instead of waiting for ever
        _log.exception("import %s failed", import_id)
        spool.set_state(
            import_id, ImportState(earlier(state), problem=ImportInterrupted("unexpected").message)
        )


def check(workshop: Workshop, import_id: str) -> ImportCheck:
    """Detect and embed the photos, store what was found, and return it."""
    spool, upload = workshop.spool, workshop.spool.find(import_id)
    source, journal = _source(spool, upload, upload.photos), workshop.journal(import_id)

    def work(photo: LabelledPhoto) -> Outcome:
        key = key_of(source, [photo], workshop.detector, workshop.model, workshop.engine)
        found = journal.find(key)
        if found is None:
            found = embed(source, [photo], workshop.detector, workshop.model, workshop.decoder)
            journal.keep(key, found)
        return found[0]

    told = _Told(spool, import_id, ImportState("checking", total=len(upload.photos)))
    outcomes = []
    for outcome in in_order(work, source.photos, workshop.workers):
        outcomes.append(outcome)
        told.progress(len(outcomes), len(upload.photos))
    result = _checked(spool, upload, outcomes)
    spool.set_check(import_id, result)
    spool.set_state(import_id, ImportState("checked", done=len(outcomes), total=len(outcomes)))
    return result


def build_from(workshop: Workshop, import_id: str) -> Manifest:
    """Build an index from the usable photos of an import; it does not go into service."""
    spool, upload = workshop.spool, workshop.spool.find(import_id)
    usable = findings(upload, spool.check(import_id)).usable
    request = BuildRequest(
        upload.name,
        (_source(spool, upload, usable),),
        workshop.engine,
        workshop.workers,
        workshop.decoder,
        workshop.trained_on,
        workshop.journal(import_id),
    )
    told = _Told(spool, import_id, ImportState("building", total=len(usable)))
    return build(
        request,
        workshop.detector,
        workshop.model,
        workshop.shelf,
        on_built=workshop.on_built,
        progress=told.progress,
        use=False,
    )


def add_from(workshop: Workshop, import_id: str, actor: str) -> AddedFaces:
    """Add the usable photos of an import to the index in service."""
    spool, upload = workshop.spool, workshop.spool.find(import_id)
    usable = findings(upload, spool.check(import_id)).usable
    told = _Told(spool, import_id, spool.state(import_id))
    return workshop.add_live(_source(spool, upload, usable), actor, told.progress)


class _Told:
    """Stores progress for the page, a few times a second."""

    def __init__(self, spool: Spool, import_id: str, state: ImportState) -> None:
        self._spool, self._import_id, self._state = spool, import_id, state
        self._told_s = 0.0

    def progress(self, done: int, total: int) -> None:
        """Store that so many photos are done."""
        if done < total and time.monotonic() - self._told_s < TOLD_EVERY_S:
            return
        self._told_s = time.monotonic()
        step = self._state.step if done < total else "index"
        self._spool.set_state(self._import_id, replace(self._state, step=step, done=done, total=total))


def _source(spool: Spool, upload: FaceImport, photos: Sequence[ImportPhoto]) -> LabelledSource:
    labelled = [
        LabelledPhoto(spool.photo(upload.id, one.position), one.reference, one.age_years, one.person)
        for one in photos
    ]
    return LabelledSource(upload.name, aligned=False, photos=tuple(labelled))


def _checked(spool: Spool, upload: FaceImport, outcomes: Sequence[Outcome]) -> ImportCheck:
    photos: list[CheckedPhoto] = []
    faces: list[tuple[int, Embedded]] = []
    for photo, outcome in zip(upload.photos, outcomes, strict=True):
        if isinstance(outcome, str):
            photos.append(CheckedPhoto(photo.position, outcome))
            continue
        spool.put_thumbnail(upload.id, photo.position, outcome.thumbnail)
        photos.append(CheckedPhoto(photo.position, None, round(outcome.estimate_years, 2)))
        faces.append((photo.position, outcome))
    return ImportCheck(tuple(photos), _copies(spool, upload.id, faces))


def _copies(
    spool: Spool, import_id: str, faces: Sequence[tuple[int, Embedded]]
) -> tuple[tuple[int, ...], ...]:
    if not faces:
        return ()
    groups = same_photos(
        np.stack([face.embedding for _, face in faces]),
        [face.thumbnail for _, face in faces],
        [photo_sha256(spool.photo(import_id, position)) for position, _ in faces],
    )
    return tuple(tuple(faces[item][0] for item in group) for group in groups)
