"""Take evidence about a case or a record, so that anyone can check it without simsvc."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from simsvc.domain.audit.chain import event_bytes
from simsvc.domain.audit.evidence import (
    actors_of,
    build_files,
    export_event,
    log_files,
    record_files,
    state_files,
    with_manifest,
)
from simsvc.errors import AuditError, LogDiffers, LogKeyRefused
from simsvc.values import RecordedEstimate
from simsvc.values.audit.evidence import (
    BuildFacts,
    Files,
    Gathered,
    InService,
    ProvedEvent,
    ProvedLog,
    StateNow,
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


class StateBook(Protocol):
    """What the database says of rows that concern records."""

    def state(self, actors: Set[str], records: Set[str], served: InService) -> StateNow:
        """Return the rows of who acted and of the records' batches, with the events about them."""


class CheckpointedLog(Protocol):
    """The log as a Merkle tree."""

    def damage(self) -> LogDiffers | None:
        """Return why the tree cannot be continued, if it cannot."""

    def checkpoint(self) -> SignedCheckpoint:
        """Make a checkpoint of all events."""

    def newest(self) -> SignedCheckpoint | None:
        """Return the last checkpoint that was made, if there is one."""

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
        served: returns what is in service.
        note: logs events together, and returns them.
        model_files: files of the model of a record by their names in the evidence; none if it is not kept.
        enclosed: files that are the same in all evidence: README.txt and verify.py.
        subjects: returns what events call a case, as far as they do not name its records.
        without: kind of events that whoever takes the evidence may not see, or "".
    """

    book: EvidenceBook
    state: StateBook
    served: Callable[[], InService]
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

        Where the log is damaged, so that nothing more is signed, the last signed checkpoint is used, and the
        evidence says what is wrong: most events can be proved all the same.

        Raises:
            CaseNotFound: the case has no records.
            EstimateNotFound: there was never such a record.
            EvidenceRefused: the evidence cannot be taken.
            AuditError: no checkpoint can be made, and there is none from before; or another process is
                making one for too long.
            StoreError: the database cannot be used.
        """
        signing = _Signing(self.log)
        signing.look()
        served = self.served()
        subjects = () if case is None else self.subjects(case)
        gathered = self.book.gather(case, record_ids, subjects, self.without)
        records = {one.recorded.id for one in gathered.records}
        state = self.state.state(actors_of(gathered) | {actor}, records, served)
        files = self._files_by_record(gathered, state_files(state, served))
        noted = self.note(
            [export_event(record_id, actor, found, gathered) for record_id, found in files.items()]
        )
        checkpoint = signing.checkpoint()
        exports = self.book.events(event.seq for event in noted)
        every = {logged.event.seq: logged for logged in (*gathered.events, *state.events, *exports)}
        log = log_files(self._proved_log([every[seq] for seq in sorted(every)], checkpoint, signing.damage))
        whole = {name: data for one in files.values() for name, data in one.items()}
        return with_manifest({**self.enclosed, **whole, **log})

    def _proved_log(
        self, events: Iterable[LoggedEvent], checkpoint: SignedCheckpoint, damage: list[str]
    ) -> ProvedLog:
        log, keys, size, note = self.log, self.log.keys(), checkpoint.size, checkpoint.note
        proved = tuple(
            self._proved(logged, size, damage) for logged in events if _is_writable(logged, damage)
        )
        ended = [log.signed(key.until_size) for key in keys if key.until_size]
        rotations = tuple(found for found in ended if found)
        witnessed, consistency = log.witnessed(), tuple[bytes, ...]()
        if witnessed is not None and witnessed.size < size:
            try:
                consistency = tuple(log.consistency(witnessed.size, size))
            except (ValueError, LookupError):
                _add(damage, LogDiffers("tiles"))
        elif witnessed is not None:
            note = witnessed.note if witnessed.size == size else note
            witnessed = None
        return ProvedLog(note, keys, rotations, proved, witnessed, consistency, tuple(damage))

    def _proved(self, logged: LoggedEvent, size: int, damage: list[str]) -> ProvedEvent:
        """Return an event with its proof as the stored tree has it; none if the checkpoint is older."""
        if not 1 <= logged.event.seq <= size:
            return ProvedEvent(logged, ())
        try:
            return ProvedEvent(logged, tuple(self.log.inclusion(logged.event.seq - 1, size)))
        except (ValueError, LookupError):
            _add(damage, LogDiffers("tiles"))
            return ProvedEvent(logged, ())

    def _files_by_record(self, gathered: Gathered, common: Files) -> dict[str, dict[str, bytes]]:
        """Return the files about each record, by its ID; those of a model or build are part of several."""
        found: dict[str, dict[str, bytes]] = {record_id: {**common} for record_id in gathered.record_ids}
        labels = {one.recorded.estimate.index or "" for one in gathered.records}
        builds: Mapping[str, BuildFacts] = {build.label: build for build in self.book.builds(labels)}
        for one in gathered.records:
            build = builds.get(one.recorded.estimate.index or "")
            files = {**record_files(one), **self.model_files(one.recorded)}
            found[one.recorded.id] |= {**files, **(build_files(build) if build else {})}
        return found


@dataclass(slots=True)
class _Signing:
    """Gets a checkpoint that covers everything or, where the log is damaged, the last one."""

    log: CheckpointedLog
    damage: list[str] = field(default_factory=list)

    def look(self) -> None:
        """See whether the log can be signed before anything is added to it."""
        problem = self.log.damage()
        if problem is not None:
            self._fall_back(problem)

    def checkpoint(self) -> SignedCheckpoint:
        """Return a checkpoint; `damage` says why it is not one of all events, if it is not."""
        if self.damage:
            return self._fall_back()
        try:
            return self.log.checkpoint()
        except (LogDiffers, LogKeyRefused) as problem:
            if problem.reason == "busy":
                raise
            return self._fall_back(problem)

    def _fall_back(self, problem: AuditError | None = None) -> SignedCheckpoint:
        newest = self.log.newest()
        if newest is None:
            raise problem or AuditError("empty")
        if problem is not None:
            _add(self.damage, problem)
        return newest


def _is_writable(logged: LoggedEvent, damage: list[str]) -> bool:
    """Return whether an event can be written, which no event is that simsvc did not write."""
    try:
        event_bytes(logged.event)
        (logged.content or "").encode()
    except ValueError:
        _add(damage, LogDiffers("unhashable", seq=logged.event.seq))
        return False
    return True


def _add(damage: list[str], problem: AuditError) -> None:
    """Note what is wrong, once, without the folders of this server."""
    sentence = _FOLDERS.sub("", problem.sentence)
    if sentence not in damage:
        damage.append(sentence)


_FOLDERS = re.compile(r"(?<!\S)/\S*/")
