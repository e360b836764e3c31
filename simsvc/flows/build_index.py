"""From labelled photos to an index in service: read, detect, crop, embed, write, record, switch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from simsvc.errors import PhotoError, SourceEmpty
from simsvc.ports import Detector, Model
from simsvc.steps.crop import crop
from simsvc.steps.decode import decode
from simsvc.steps.gallery import LabelledPhoto, LabelledSource, box_of, labelled_face
from simsvc.steps.manifest import BuildFacts, Manifest, ModelSummary, Skipped, SourceSummary
from simsvc.steps.picture import to_jpeg
from simsvc.values import Crop, FloatVector, LabelledFace

BATCH = 64
"""Faces embedded in one pass. Fixed: another batch size may round the last bits otherwise."""
AHEAD = 4 * BATCH
"""Photos read ahead of the batch that is being embedded; bounds the memory."""
THUMBNAIL_PX = 160
THUMBNAIL_QUALITY = 82

OnBuilt = Callable[[Manifest, Sequence[LabelledFace]], None]
Progress = Callable[[int, int], None]


class Draft(Protocol):
    """A build in the making."""

    @property
    def faces(self) -> Sequence[LabelledFace]:
        """What was added so far."""
        ...

    def add(self, face: LabelledFace, embedding: FloatVector, thumbnail: bytes) -> None:
        """Append one face with its unit vector, float32 (D,), and its JPEG."""
        ...

    def finish(self, facts: BuildFacts) -> Manifest:
        """Write every file, the manifest last, and place the folder under its build id."""
        ...


class Shelf(Protocol):
    """Where builds stand."""

    def draft(self, name: str) -> AbstractContextManager[Draft]:
        """Make a build of the index `name`, alone; what is not finished is removed."""
        ...

    def switch(self, label: str) -> None:
        """Put the build "name/build" into service."""
        ...


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    Attributes:
        name: of the index.
        sources: whose photos go in.
        engine: what runs the model: "onnx" or "torch".
        workers: threads that decode, detect and crop.
    """

    name: str
    sources: tuple[LabelledSource, ...]
    engine: str = "onnx"
    workers: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    face: LabelledFace
    crop: Crop
    thumbnail: bytes
    whole_picture: bool


@dataclass(slots=True)
class _Tally:
    skipped: list[Skipped]
    whole_picture: int = 0
    ready: list[_Prepared] = field(default_factory=list)


def build(
    request: BuildRequest,
    detector: Detector,
    model: Model,
    shelf: Shelf,
    *,
    on_built: OnBuilt,
    progress: Progress,
) -> Manifest:
    """Build an index, put it on record and then into service; return its manifest.

    The same photos, labels, model and libraries give the same bytes and so the same build id. Until the last
    step the index that was in service before stays there, whatever happens to this process.

    Args:
        request: what to build.
        detector: finds the faces.
        model: embeds them.
        shelf: where the build will stand.
        on_built: puts the finished build and its faces on record; may be called again for the same build.
        progress: told (photos done, photos in all).

    Raises:
        SourceEmpty: no photo became a face.
        IndexError_: the shelf cannot be written to, or another build is at work.
        BundleDamaged: the model's answer makes no sense.
    """
    with shelf.draft(request.name) as draft:
        facts = _fill(draft, request, detector, model, progress)
        if not draft.faces:
            raise SourceEmpty(
                f"None of the {len(facts.skipped)} photos could be used, so there is no index to build. "
                "Choose a folder of photos that each show one labelled face."
            )
        manifest = draft.finish(facts)
        on_built(manifest, draft.faces)
        shelf.switch(manifest.label)
    return manifest


def _fill(
    draft: Draft, request: BuildRequest, detector: Detector, model: Model, progress: Progress
) -> BuildFacts:
    total, done = sum(len(source.photos) for source in request.sources), 0
    summaries: list[SourceSummary] = []
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(request.workers) as pool:
        for source in sorted(request.sources, key=lambda source: source.name):
            tally, before = _Tally(list(source.skipped)), len(draft.faces)

            def prepared(photo: LabelledPhoto, source: LabelledSource = source) -> _Prepared | Skipped:
                return _prepare(source, photo, detector, model)

            for outcome in _in_order(pool, prepared, source.photos):
                _take(outcome, tally, draft, model)
                done += 1
                progress(done, total)
            _embed(tally, draft, model)
            summaries.append(SourceSummary(source.name, len(draft.faces) - before, tally.whole_picture))
            skipped += sorted(tally.skipped, key=lambda entry: entry.reference)
    summary = ModelSummary(model.version, model.sha256, request.engine, model.crop_margin)
    return BuildFacts(summary, tuple(summaries), tuple(skipped))


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[LabelledPhoto], _Prepared | Skipped],
    photos: Iterable[LabelledPhoto],
) -> Iterator[_Prepared | Skipped]:
    """Yield the outcomes in the photos' order, at most `AHEAD` of them prepared and not yet taken."""
    pending: deque[Future[_Prepared | Skipped]] = deque()
    try:
        for photo in photos:
            pending.append(pool.submit(work, photo))
            if len(pending) >= AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _prepare(
    source: LabelledSource, photo: LabelledPhoto, detector: Detector, model: Model
) -> _Prepared | Skipped:
    """Decode, detect and crop one photo; a photo that cannot be used is listed, never fatal."""
    try:
        picture = decode(photo.path.read_bytes())
    except PhotoError as error:
        return Skipped(photo.reference, error.code)
    except OSError:
        return Skipped(photo.reference, "unreadable_file")
    faces = detector.detect(picture)
    box = box_of(picture, faces, aligned=source.aligned, margin=model.crop_margin)
    if box is None:
        return Skipped(photo.reference, "no_face")
    thumbnail = crop(picture.rgb, box, THUMBNAIL_PX, model.crop_margin)
    return _Prepared(
        labelled_face(source.name, photo),
        crop(picture.rgb, box, model.input_px, model.crop_margin),
        to_jpeg(thumbnail.rgb, THUMBNAIL_QUALITY),
        whole_picture=not faces,
    )


def _take(outcome: _Prepared | Skipped, tally: _Tally, draft: Draft, model: Model) -> None:
    if isinstance(outcome, Skipped):
        tally.skipped.append(outcome)
        return
    tally.ready.append(outcome)
    if len(tally.ready) == BATCH:
        _embed(tally, draft, model)


def _embed(tally: _Tally, draft: Draft, model: Model) -> None:
    """Embed the faces that are ready, and add them to the draft."""
    if not tally.ready:
        return
    prediction = model.predict([entry.crop for entry in tally.ready])
    for entry, embedding in zip(tally.ready, prediction.embeddings, strict=True):
        draft.add(entry.face, embedding, entry.thumbnail)
        tally.whole_picture += entry.whole_picture
    tally.ready.clear()
