"""From labelled photos to an index in service: read, detect, crop, embed, write, record, switch."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from simsvc.errors import SourceEmpty
from simsvc.flows.prepare_face import PreparedFace, prepare
from simsvc.ports import Detector, Model
from simsvc.steps.face_changes import FaceChanges
from simsvc.steps.gallery import LabelledPhoto, LabelledSource, labelled_face
from simsvc.steps.manifest import BuildFacts, Manifest, ModelSummary, Skipped, SourceSummary
from simsvc.values import FloatVector, LabelledFace

BATCH = 64
"""Faces embedded in one pass. Fixed: another batch size may round the last bits otherwise."""
AHEAD = 4 * BATCH
"""Photos read ahead of the batch that is being embedded; bounds the memory."""

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

    def face_changes(self) -> FaceChanges:
        """Return what was done to labelled faces without a build."""
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


@dataclass(slots=True)
class _Tally:
    skipped: list[Skipped]
    whole_picture: int = 0
    ready: list[PreparedFace] = field(default_factory=list)


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

    The same photos, labels, model, libraries and face changes give the same bytes and so the same build id.
    Until the last step the index that was in service before stays there, whatever happens to this process.
    Faces that were removed stay out, and those that were added come in, with the labels that they have now.

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
        facts = _fill(draft, request, detector, model, shelf.face_changes(), progress)
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
    draft: Draft,
    request: BuildRequest,
    detector: Detector,
    model: Model,
    changes: FaceChanges,
    progress: Progress,
) -> BuildFacts:
    total, done = sum(len(source.photos) for source in request.sources), 0
    summaries: list[SourceSummary] = []
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(request.workers) as pool:
        for source in sorted(request.sources, key=lambda source: source.name):
            tally, before = _Tally(list(source.skipped)), len(draft.faces)

            def prepared(photo: LabelledPhoto, source: LabelledSource = source) -> PreparedFace | Skipped:
                left_out = _left_out(source, photo, changes)
                return left_out or prepare(source, photo, detector, model)

            for outcome in _in_order(pool, prepared, source.photos):
                _take(outcome, tally, draft, model, changes)
                done += 1
                progress(done, total)
            _embed(tally, draft, model)
            summaries.append(SourceSummary(source.name, len(draft.faces) - before, tally.whole_picture))
            skipped += sorted(tally.skipped, key=lambda entry: entry.reference)
    summary = ModelSummary(model.version, model.sha256, request.engine, model.crop_margin)
    added = _fold_in(draft, request.name, model, changes)
    return BuildFacts(summary, _with_added(summaries, added), tuple(skipped))


def _left_out(source: LabelledSource, photo: LabelledPhoto, changes: FaceChanges) -> Skipped | None:
    """Say of a photo whose face was removed that it stays out; of an erased one not even its name is kept."""
    face_id = labelled_face(source.name, photo).face_id
    if face_id in changes.erased:
        return Skipped(face_id, "erased")
    return Skipped(photo.reference, "removed") if face_id in changes.removed else None


def _fold_in(draft: Draft, index_name: str, model: Model, changes: FaceChanges) -> Counter[str]:
    """Add the faces that were added without a build, and return how many of each source."""
    there = {face.face_id for face in draft.faces}
    added: Counter[str] = Counter()
    for live in changes.added_to(index_name, model.sha256):
        if live.face.face_id not in there:
            draft.add(live.face, live.embedding, live.thumbnail)
            added[live.face.source] += 1
    return added


def _with_added(summaries: Sequence[SourceSummary], added: Mapping[str, int]) -> tuple[SourceSummary, ...]:
    """Return the sources in order of name, with the faces that were added to each without a build."""
    by_name = {summary.name: summary for summary in summaries}
    for name, faces in added.items():
        known = by_name.get(name, SourceSummary(name, 0, 0))
        by_name[name] = replace(known, faces=known.faces + faces)
    return tuple(by_name[name] for name in sorted(by_name))


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[LabelledPhoto], PreparedFace | Skipped],
    photos: Iterable[LabelledPhoto],
) -> Iterator[PreparedFace | Skipped]:
    """Yield the outcomes in the photos' order, at most `AHEAD` of them prepared and not yet taken."""
    pending: deque[Future[PreparedFace | Skipped]] = deque()
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


def _take(
    outcome: PreparedFace | Skipped, tally: _Tally, draft: Draft, model: Model, changes: FaceChanges
) -> None:
    if isinstance(outcome, Skipped):
        tally.skipped.append(outcome)
        return
    tally.ready.append(replace(outcome, face=changes.relabelled(outcome.face)))
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
