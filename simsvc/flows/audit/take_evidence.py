"""Take evidence about a case or a record, so that anyone can check it without simsvc."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from simsvc.domain.audit.evidence import build_files, export_event, log_files, record_files, with_manifest
from simsvc.errors import AuditError
from simsvc.values import RecordedEstimate
from simsvc.values.audit.evidence import (
    BuildFacts,
    Files,
    Gathered,
    ProvedEvent,
    ProvedLog,
)
from simsvc.values.audit.log import LogKey, SignedCheckpoint
from simsvc.values.events import Event, LoggedEvent, NewEvent


class EvidenceBook(Protocol):
    """What the database says about records."""

    def gather(
        self,
        case: str | None,
        record_ids: Collection[str] = (),
        subjects: Collection[str] = (),
        without: str = "",
    ) -> Gathered:
        """Return records of a case and by ID, with every event that concerns them, but for one kind."""

    def events(self, seqs: Iterable[int]) -> tuple[LoggedEvent, ...]:
        """Return the events with these numbers, oldest first."""

    def builds(self, labels: Collection[str]) -> tuple[BuildFacts, ...]:
        """Return what is on record of index builds."""


class CheckpointedLog(Protocol):
    """The log as a Merkle tree."""

    def checkpoint(self) -> SignedCheckpoint:
        """Make a checkpoint of all events."""

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """Return the inclusion proof of a leaf in the tree of a checkpoint."""

    def signed(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of a size, if there is one."""

    def witnessed(self) -> SignedCheckpoint | None:
        """Return the newest checkpoint that witnesses signed, with their signatures, if there is one."""

    def consistency(self, old_size: int, size: int) -> Sequence[bytes]:
        """Return the proof that the tree of a checkpoint begins with that of an earlier one."""

    def keys(self) -> tuple[LogKey, ...]:
        """Return every key that ever signed, oldest first."""


@dataclass(frozen=True, slots=True)
class EvidenceTaker:
    """Dependencies of taking evidence.

    Attributes:
        note: logs events together, and returns them.
        model_files: files of the model of a record by their names in the evidence; none if it is not kept.
        enclosed: files that are the same in all evidence: README.txt and verify.py.
        subjects: returns what events call a case, as far as they do not name its records.
        without: kind of events that whoever takes the evidence may not see, or "".
    """

    book: EvidenceBook
    log: CheckpointedLog
    note: Callable[[Iterable[NewEvent]], tuple[Event, ...]]
    model_files: Callable[[RecordedEstimate], Files]
    enclosed: Files
    subjects: Callable[[str], Collection[str]] = lambda _case: ()
    without: str = ""

    def take(self, actor: str, case: str | None, record_ids: Collection[str] = ()) -> dict[str, bytes]:
        """Return the files of evidence about a case, or about records by ID, erased ones included.

        Who takes it is logged first, with the digest of each file about the records. Then a checkpoint is
        made, which covers that event, too. What happens to the records meanwhile is not part of it.

        Raises:
            CaseNotFound: the case has no records.
            EstimateNotFound: there was never such a record.
            EvidenceRefused: the evidence cannot be taken.
            AuditError: an event is damaged, or no checkpoint can be made.
            StoreError: the database cannot be used.
        """
        subjects = () if case is None else self.subjects(case)
        gathered = self.book.gather(case, record_ids, subjects, self.without)
        files = self._files_by_record(gathered)
        noted = self.note(
            [export_event(record_id, actor, found, gathered) for record_id, found in files.items()]
        )
        checkpoint = self.log.checkpoint()
        events = (*gathered.events, *self.book.events(event.seq for event in noted))
        log = self._log_files(events, checkpoint)
        whole = {name: data for one in files.values() for name, data in one.items()}
        return with_manifest({**self.enclosed, **whole, **log})

    def _log_files(self, events: Iterable[LoggedEvent], checkpoint: SignedCheckpoint) -> dict[str, bytes]:
        try:
            return log_files(self._proved_log(events, checkpoint))
        except (ValueError, LookupError):  # what it holds cannot be written, or the tree is damaged
            problem = "An event about these records is damaged. Verify the log."
            raise AuditError("broken", problem=problem) from None

    def _proved_log(self, events: Iterable[LoggedEvent], checkpoint: SignedCheckpoint) -> ProvedLog:
        log, keys, size, note = self.log, self.log.keys(), checkpoint.size, checkpoint.note
        proved = tuple(
            ProvedEvent(logged, tuple(log.inclusion(logged.event.seq - 1, size))) for logged in events
        )
        ended = [log.signed(key.until_size) for key in keys if key.until_size]
        rotations = tuple(found for found in ended if found)
        witnessed = log.witnessed()
        if witnessed is None or witnessed.size >= size:
            note = witnessed.note if witnessed and witnessed.size == size else note
            return ProvedLog(note, keys, rotations, proved)
        consistency = tuple(log.consistency(witnessed.size, size))
        return ProvedLog(note, keys, rotations, proved, witnessed, consistency)

    def _files_by_record(self, gathered: Gathered) -> dict[str, dict[str, bytes]]:
        """Return the files about each record, by its ID; those of a model or build are part of several."""
        found: dict[str, dict[str, bytes]] = {record_id: {} for record_id in gathered.record_ids}
        labels = {one.recorded.estimate.index or "" for one in gathered.records}
        builds: Mapping[str, BuildFacts] = {build.label: build for build in self.book.builds(labels)}
        for one in gathered.records:
            build = builds.get(one.recorded.estimate.index or "")
            files = {**record_files(one), **self.model_files(one.recorded)}
            found[one.recorded.id] = {**files, **(build_files(build) if build else {})}
        return found
