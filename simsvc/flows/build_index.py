"""From labelled photos to an index: read, detect, crop, embed, write, record, and switch where asked to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

from simsvc.domain.chunks import chunks_of
from simsvc.domain.gallery.cached_embedding import Outcome
from simsvc.domain.gallery.face_changes import FaceChanges
from simsvc.domain.gallery.labelled_faces import (
    LabelledPhoto,
    LabelledSource,
    SeenFace,
    known_ids,
    labelled_face,
    person_key,
)
from simsvc.domain.gallery.manifest import (
    BuildFacts,
    EngineName,
    Manifest,
    ModelSummary,
    Skipped,
    SourceSummary,
)
from simsvc.errors import SourceEmpty
from simsvc.flows.embed_faces import embed, key_of
from simsvc.flows.parallel import CHUNK, in_order
from simsvc.ports import Detector, Model, PictureDecoder
from simsvc.values import FloatVector, LabelledFace

OnBuilt = Callable[[Manifest, Sequence[LabelledFace]], None]
Progress = Callable[[int, int], None]


class Journal(Protocol):
    """What builds that were cut off have embedded already."""

    def find(self, key: bytes) -> Sequence[Outcome] | None:
        """Return what was kept under a key, or None."""
        ...

    def keep(self, key: bytes, outcomes: Sequence[Outcome]) -> None:
        """Keep outcomes for a build that goes on after this one was cut off."""
        ...


class Draft(Protocol):
    """A build in the making."""

    @property
    def journal(self) -> Journal:
        """What was embedded before, and is kept as it is embedded."""
        ...

    @property
    def faces(self) -> Sequence[LabelledFace]:
        """What was added so far."""
        ...

    def add(
        self, face: LabelledFace, embedding: FloatVector, thumbnail: bytes, seen: SeenFace | None = None
    ) -> None:
        """Append one face with its unit vector, float32 (D,), its JPEG, and what the model says of it."""
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
        engine: what runs the model: "onnx" (ONNX Runtime), "openvino" or "torch".
        workers: threads, each of which takes a few photos at a time through all steps.
        decoder: makes pixels of photos' bytes; None: this process does, without limits on time and memory.
        trained_on: names of the data sets that the model learned from, whose faces say nothing of its errors.
    """

    name: str
    sources: tuple[LabelledSource, ...]
    engine: EngineName = "onnx"
    workers: int = 2
    decoder: PictureDecoder | None = None
    trained_on: frozenset[str] = frozenset()


def build(  # noqa: PLR0913 - the two callbacks and the switch are named
    request: BuildRequest,
    detector: Detector,
    model: Model,
    shelf: Shelf,
    *,
    on_built: OnBuilt,
    progress: Progress,
    use: bool = True,
) -> Manifest:
    """Build an index and put it on record; return its manifest.

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
        use: whether the build goes into service.

    Raises:
        SourceEmpty: no photo became a face.
        IndexUnusable: the shelf cannot be written to, or another build is at work.
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
        if use:
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
    told = _Told(progress, sum(len(source.photos) for source in request.sources))
    summaries: list[SourceSummary] = []
    skipped: list[Skipped] = []
    for source in sorted(request.sources, key=lambda source: source.name):
        left_out = [_left_out(source, photo, changes) for photo in source.photos]
        wanted = [photo for photo, out in zip(source.photos, left_out, strict=True) if out is None]
        out = [*source.skipped, *(entry for entry in left_out if entry is not None)]
        told.more(len(source.photos) - len(wanted))
        before, whole_picture = len(draft.faces), 0
        unfit = _unfit(source, request.trained_on)
        work = partial(_embedded, draft.journal, request, source, detector, model)
        for chunk, outcomes in in_order(work, chunks_of(wanted, CHUNK), request.workers):
            for photo, outcome in zip(chunk, outcomes, strict=True):
                told.more(1)
                if isinstance(outcome, str):
                    out.append(Skipped(photo.reference, outcome))
                    continue
                face = changes.relabelled(labelled_face(source.name, photo))
                seen = SeenFace(outcome.estimate_years, person_key(source.name, photo), unfit)
                draft.add(face, outcome.embedding, outcome.thumbnail, seen)
                whole_picture += outcome.whole_picture
        summaries.append(SourceSummary(source.name, len(draft.faces) - before, whole_picture))
        skipped += sorted(out, key=lambda entry: entry.reference)
    summary = ModelSummary(model.version, model.sha256, request.engine, model.crop_margin)
    added = _fold_in(draft, request.name, model, changes)
    return BuildFacts(summary, _with_added(summaries, added), tuple(skipped))


def _unfit(source: LabelledSource, trained_on: frozenset[str]) -> Literal["composites", "training"] | None:
    """Return why the model's errors on a source say nothing of those on new faces, or None where they do."""
    if source.composite:
        return "composites"
    return "training" if source.name in trained_on else None


class _Told:
    """Counts photos and tells of each."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def more(self, photos: int) -> None:
        """Tell that so many more are done."""
        for _ in range(photos):
            self._done += 1
            self._progress(self._done, self._total)


def _embedded(
    journal: Journal,
    request: BuildRequest,
    source: LabelledSource,
    detector: Detector,
    model: Model,
    photos: Sequence[LabelledPhoto],
) -> tuple[Sequence[LabelledPhoto], Sequence[Outcome]]:
    """Return what came of a few photos, from the journal where it has them, or kept there."""
    key = key_of(source, photos, detector, model, request.engine)
    outcomes = journal.find(key)
    if outcomes is None:
        outcomes = embed(source, photos, detector, model, request.decoder)
        if any(not isinstance(outcome, str) for outcome in outcomes):
            journal.keep(key, outcomes)
    return photos, outcomes


def _left_out(source: LabelledSource, photo: LabelledPhoto, changes: FaceChanges) -> Skipped | None:
    """Say of a photo whose face was removed that it stays out; of an erased one not even its name is kept."""
    ids = known_ids(source.name, photo)
    for face_id in sorted(ids & changes.erased):
        return Skipped(face_id, "erased")
    return Skipped(photo.reference, "removed") if ids & changes.removed else None


def _fold_in(draft: Draft, index_name: str, model: Model, changes: FaceChanges) -> Counter[str]:
    """Add the faces that were added without a build, and return how many of each source."""
    there = {face.face_id for face in draft.faces}
    added: Counter[str] = Counter()
    for live in changes.added_to(index_name, model.sha256):
        if live.face.face_id not in there:
            years = live.estimate_years
            seen = None if years is None else SeenFace(years, live.person)
            draft.add(live.face, live.embedding, live.thumbnail, seen)
            added[live.face.source] += 1
    return added


def _with_added(summaries: Sequence[SourceSummary], added: Mapping[str, int]) -> tuple[SourceSummary, ...]:
    """Return the sources in order of name, with the faces that were added to each without a build."""
    by_name = {summary.name: summary for summary in summaries}
    for name, faces in added.items():
        known = by_name.get(name, SourceSummary(name, 0, 0))
        by_name[name] = replace(known, faces=known.faces + faces)
    return tuple(by_name[name] for name in sorted(by_name))
