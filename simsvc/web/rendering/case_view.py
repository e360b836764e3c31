"""A case as pages, API and reports show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simsvc.domain.desk.case import CaseVerdict, case_verdict, photo_verdict
from simsvc.domain.desk.contradictions import contradictions, dated
from simsvc.domain.desk.timeline import seen_events, timeline
from simsvc.domain.estimate.combine import sent_again
from simsvc.values import Decision, RecordedEstimate
from simsvc.values.cases import CasePhoto, Contradiction, OtherUploads, PhotoUpload, TimelineEntry
from simsvc.values.events import EventKind, LoggedEvent
from simsvc.web.http.current import services
from simsvc.web.rendering.actors import actor_words

MOST_UPLOADS = 5
"""Other records of a photo that are named; more are counted, so that a photo that was uploaded thousands of
times to one case makes no list of millions."""


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything about a case.

    Attributes:
        photos: oldest first.
        repeats: how often each photo that is in the case several times was uploaded.
        last_event: the last estimate or decision in the log; None if all are older than the log.
        names: names of accounts and tokens by their IDs in records and as actors.
    """

    reference: str
    photos: tuple[CasePhoto, ...]
    summary: CaseVerdict
    contradictions: tuple[Contradiction, ...]
    repeats: tuple[int, ...]
    timeline: tuple[TimelineEntry, ...]
    last_event: LoggedEvent | None
    names: Mapping[str, str]

    @property
    def undecided(self) -> tuple[CasePhoto, ...]:
        """Return the photos without a decision."""
        return tuple(photo for photo in self.photos if photo.decision is None)


def case_view(reference: str) -> CaseView:
    """Return a case.

    Raises:
        CaseNotFound: it has no records.
        StoreError: the database cannot be read.
    """
    records, cases = services().estimates.of_case(reference), services().cases
    ids = [record.id for record in records]
    decisions = cases.decisions(ids)
    batches = {origin.id: origin.number for origin in services().origins.batches(ids).values()}
    events = seen_events(cases.events(ids, batches), decisions)
    uploads = _uploads_by_photo(cases.uploads({record.estimate.photo_sha256 for record in records}))
    entries = timeline(records, events, batches)
    about = [logged for logged in events if _changes(logged)]
    return CaseView(
        reference=reference,
        photos=tuple(_photo(record, decisions.get(record.id, ()), uploads) for record in records),
        summary=case_verdict(records),
        contradictions=contradictions([dated(record) for record in records]),
        repeats=tuple(sent_again(records)),
        timeline=entries,
        last_event=about[-1] if about else None,
        names=actor_names(
            [
                *(record.estimate.asked_by for record in records),
                *(made.decided_by for several in decisions.values() for made in several),
                *(entry.actor for entry in entries),
            ]
        ),
    )


def other_uploads(recorded: RecordedEstimate) -> OtherUploads:
    """Return the other records made of the same photo."""
    return _others(recorded, services().cases.uploads([recorded.estimate.photo_sha256]))


def actor_names(actors: Iterable[str | None]) -> dict[str, str]:
    """Return the names of accounts and tokens, by their IDs in records and by their names as actors."""
    asked = {actor for actor in actors if actor}
    plain = {actor: actor.removeprefix("user:") for actor in asked}
    known = services().names(plain.values())
    return {actor: known.get(plain[actor], actor_words(actor)) for actor in asked}


def _changes(logged: LoggedEvent) -> bool:
    """Return whether an event says something new about a record: exports and replays do not."""
    event = logged.event
    return event.subject.startswith("estimate:") and event.kind not in {EventKind.EXPORT, EventKind.REPLAY}


def _photo(
    record: RecordedEstimate,
    decisions: tuple[Decision, ...],
    uploads: Mapping[str, list[PhotoUpload]],
) -> CasePhoto:
    others = _others(record, uploads.get(record.estimate.photo_sha256, []))
    return CasePhoto(record, decisions, *photo_verdict(record), others)


def _others(record: RecordedEstimate, uploads: Sequence[PhotoUpload]) -> OtherUploads:
    """Leave a record out of the uploads of its photo, which are the oldest first, and name the oldest."""
    others = [upload for upload in uploads[: MOST_UPLOADS + 1] if upload.public_id != record.id]
    return OtherUploads(max(0, len(uploads) - 1), tuple(others[:MOST_UPLOADS]))


def _uploads_by_photo(uploads: Iterable[PhotoUpload]) -> dict[str, list[PhotoUpload]]:
    found: dict[str, list[PhotoUpload]] = {}
    for upload in uploads:
        found.setdefault(upload.photo_sha256, []).append(upload)
    return found
