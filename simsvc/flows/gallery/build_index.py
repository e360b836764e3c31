"""Build an index from reference photos: read, detect, crop, embed, write, record, switch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
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
from simsvc.flows.gallery.embed_faces import ReferenceJob, embed, key_of, without_photos
from simsvc.flows.parallel import CHUNK, in_order
from simsvc.ports import Detector, Model, PictureDecoder, WideWork
from simsvc.values import FloatVector, LabelledFace

OnBuilt = Callable[[Manifest, Sequence[LabelledFace]], None]
Progress = Callable[[int, int], None]


class EmbeddingJournal(Protocol):
    """What builds that were cut off have embedded already."""

    def find(self, key: bytes) -> Sequence[Outcome] | None:
        """Return the result of a key, or None."""

    def keep(self, key: bytes, outcomes: Sequence[Outcome]) -> None:
        """Store results for a later build that resumes this one."""


class Draft(Protocol):
    """A build in progress."""

    @property
    def journal(self) -> EmbeddingJournal:
        """What was embedded before, and is kept as it is embedded."""

    @property
    def faces(self) -> Sequence[LabelledFace]:
        """Faces added so far."""

    def add(
        self, face: LabelledFace, embedding: FloatVector, thumbnail: bytes, seen: SeenFace | None = None
    ) -> None:
        """Append a face with its unit vector, float32 (D,), thumbnail and facts."""

    def finish(self, facts: BuildFacts) -> Manifest:
        """Write all files, the manifest last, and rename the folder to its build ID."""


class Shelf(Protocol):
    """The index folder."""

    def draft(self, name: str) -> AbstractContextManager[Draft]:
        """Start a build of the index `name` with a lock; unfinished builds are removed."""

    def face_changes(self) -> FaceChanges:
        """Return the changes to reference faces."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    Attributes:
        engine: inference engine: "onnx" (ONNX Runtime), "openvino" or "torch".
        decoder: decodes photos; None: in this process, without limits on time and memory.
        trained_on: data sets the model was trained on, not used for site calibration.
        journal: results of photos that were embedded one by one before; None: those of the draft.
        wide: embeds photos on other hosts; None: the threads of this process do.
    """

    name: str
    sources: tuple[LabelledSource, ...]
    engine: EngineName = "onnx"
    workers: int = 2
    decoder: PictureDecoder | None = None
    trained_on: frozenset[str] = frozenset()
    journal: EmbeddingJournal | None = None
    wide: WideWork[ReferenceJob, Outcome] | None = None


def build(  # noqa: PLR0913 - two callbacks and a switch
    request: BuildRequest,
    detector: Detector,
    model: Model,
    shelf: Shelf,
    *,
    on_built: OnBuilt,
    progress: Progress,
    use: Callable[[str], object] | None = None,
) -> Manifest:
    """Build and record an index, and return its manifest.

    Equal photos, labels, model, libraries and face changes give equal bytes and build ID. The index in
    service does not change before the last step. Removed faces stay out, and added faces are included with
    their latest labels. `on_built` records the build and its faces, perhaps again for the same build;
    `progress` is called with (photos done, total); `use` puts the build, given by its label, into service.

    Raises SourceEmpty if no photo became a face; IndexUnusable if the shelf cannot be written to, or another
    build is at work; BundleDamaged if the model's answer makes no sense.
    """
    with shelf.draft(request.name) as draft:
        facts = _fill(draft, request, detector, model, shelf.face_changes(), progress)
        if not draft.faces:
            raise SourceEmpty("unusable", photos=len(facts.skipped))
        manifest = draft.finish(facts)
        on_built(manifest, draft.faces)
        if use is not None:
            use(manifest.label)
    return manifest


def _fill(
    draft: Draft,
    request: BuildRequest,
    detector: Detector,
    model: Model,
    changes: FaceChanges,
    progress: Progress,
) -> BuildFacts:
    done, total = count(1), sum(len(source.photos) for source in request.sources)
    summaries: list[SourceSummary] = []
    skipped: list[Skipped] = []
    for source in sorted(request.sources, key=lambda source: source.name):
        left_out = [_left_out(source, photo, changes) for photo in source.photos]
        wanted = [photo for photo, out in zip(source.photos, left_out, strict=True) if out is None]
        out = [*source.skipped, *(entry for entry in left_out if entry is not None)]
        for _ in range(len(source.photos) - len(wanted)):
            progress(next(done), total)
        before, whole_picture = len(draft.faces), 0
        unfit = _unfit(source, request.trained_on)
        journal, size = (draft.journal, CHUNK) if request.journal is None else (request.journal, 1)
        chunks = chunks_of(wanted, size)
        if request.wide is not None:
            embedded = _embedded_widely(
                journal, request, source, detector, model, request.wide, tuple(chunks)
            )
        else:
            work = partial(_embedded, journal, request, source, detector, model)
            embedded = in_order(work, chunks, request.workers)
        for chunk, outcomes in embedded:
            for photo, outcome in zip(chunk, outcomes, strict=True):
                progress(next(done), total)
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
    if source.composite:
        return "composites"
    return "training" if source.name in trained_on else None


def _embedded(
    journal: EmbeddingJournal,
    request: BuildRequest,
    source: LabelledSource,
    detector: Detector,
    model: Model,
    photos: Sequence[LabelledPhoto],
) -> tuple[Sequence[LabelledPhoto], Sequence[Outcome]]:
    key = key_of(source, photos, detector, model, request.engine)
    outcomes = journal.find(key)
    if outcomes is None:
        outcomes = embed(source, photos, detector, model, request.decoder)
        _keep(journal, key, outcomes)
    return photos, outcomes


def _embedded_widely(  # noqa: PLR0913, PLR0917 - as `_embedded`, and who does it
    journal: EmbeddingJournal,
    request: BuildRequest,
    source: LabelledSource,
    detector: Detector,
    model: Model,
    wide: WideWork[ReferenceJob, Outcome],
    chunks: Sequence[Sequence[LabelledPhoto]],
) -> Iterator[tuple[Sequence[LabelledPhoto], Sequence[Outcome]]]:
    """Have other hosts embed, photo by photo, what the journal does not have, and keep it as it comes."""
    keys = [key_of(source, photos, detector, model, request.engine) for photos in chunks]
    missing = {key for key in keys if journal.find(key) is None}
    bare = without_photos(source)
    jobs = (
        ReferenceJob(bare, photo)
        for key, photos in zip(keys, chunks, strict=True)
        if key in missing
        for photo in photos
    )
    coming = wide.ordered(jobs)
    for key, photos in zip(keys, chunks, strict=True):
        outcomes = None if key in missing else journal.find(key)
        if outcomes is None:
            outcomes = tuple(islice(coming, len(photos)))
            _keep(journal, key, outcomes)
        yield photos, outcomes


def _keep(journal: EmbeddingJournal, key: bytes, outcomes: Sequence[Outcome]) -> None:
    if any(not isinstance(outcome, str) for outcome in outcomes):
        journal.keep(key, outcomes)


def _left_out(source: LabelledSource, photo: LabelledPhoto, changes: FaceChanges) -> Skipped | None:
    """Return the skip reason of a removed face; for erased faces without its name."""
    ids = known_ids(source.name, photo)
    for face_id in sorted(ids & changes.erased):
        return Skipped(face_id, "erased")
    return Skipped(photo.reference, "removed") if ids & changes.removed else None


def _fold_in(draft: Draft, index_name: str, model: Model, changes: FaceChanges) -> Counter[str]:
    """Add the faces added after earlier builds, and return their number by source."""
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
    by_name = {summary.name: summary for summary in summaries}
    for name, faces in added.items():
        known = by_name.get(name, SourceSummary(name, 0, 0))
        by_name[name] = replace(known, faces=known.faces + faces)
    return tuple(by_name[name] for name in sorted(by_name))
