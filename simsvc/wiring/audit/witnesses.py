"""Witnesses of the log: which there are by the settings, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from simsvc.adapters.ops.log_state import LogStateFile
from simsvc.adapters.witnesses.aws_signature import Credentials
from simsvc.adapters.witnesses.c2sp import C2spWitness
from simsvc.adapters.witnesses.file import FileWitness
from simsvc.adapters.witnesses.http import HttpWitness
from simsvc.adapters.witnesses.memory import WitnessMemoryFile
from simsvc.adapters.witnesses.s3 import S3Witness
from simsvc.adapters.witnesses.syslog import SyslogWitness
from simsvc.domain.audit.tree.signed_note import parse_note, parse_vkey, verify_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.domain.audit.witnessed import Extent
from simsvc.errors import (
    CheckpointRefused,
    LogKeyRefused,
    NoteRefused,
    VerifierKeyRefused,
    WitnessLied,
    WitnessMissing,
    WitnessUnknown,
)
from simsvc.flows.audit.witnesses import Witnesses
from simsvc.ports import Witness
from simsvc.settings import Settings
from simsvc.store.audit.checkpoint_queue import CheckpointQueue
from simsvc.store.audit.cosignatures import CosignatureStore
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.values.audit.log import KnownHead, LogKey, Outside, SignedCheckpoint, TreeHead
from simsvc.values.audit.witnesses import Cosignature, WitnessCheck, WitnessMemory
from simsvc.values.events import PROGRAM, Break, EventKind, NewEvent

MOST_UNWITNESSED = timedelta(minutes=10)
"""How long events may wait for a witness with SIMSVC_WITNESS_REQUIRED=1. Chosen: ten checkpoints."""
LOOK_EVERY = timedelta(seconds=5)
"""How long it is believed that they do not: a look takes some 1.4 ms, and an estimate some 30."""
SUBJECT_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class WitnessStatus:
    """What is known of a witness: its name, whether it is set, and what is remembered of it."""

    name: str
    is_set: bool
    memory: WitnessMemory


class WitnessDesk:
    """Everything about the witnesses of a log."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        log: EventLog,
        state: LogStateFile,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._log, self._state, self._now = settings, log, state, now
        self.memory = WitnessMemoryFile(state)
        self.checkpoints = WitnessedLog(database, state)
        self._cosignatures = CosignatureStore(database)
        self._witnessed_at = datetime.min.replace(tzinfo=UTC)
        self.flow = Witnesses(
            make_witnesses(settings, now),
            self.memory,
            self.checkpoints,
            self._keep,
            self._note_lie,
            now,
        )

    @property
    def is_set(self) -> bool:
        """Whether there is any witness."""
        return bool(self._settings.witnesses)

    def send(self) -> None:
        """Give the witnesses the checkpoints that they have not taken; raises StoreError, LogKeyRefused."""
        self.flow.send()

    def check(self) -> WitnessCheck:
        """Compare the log with what witnesses saw, and remember what was found; raises StoreError."""
        found = tuple(broken.sentence for broken in self.flow.problems(self.extent()))
        check = WitnessCheck(self._now(), found)
        self.memory.note_check(check)
        return check

    def outside(self, known: Outside) -> Outside:
        """Add to what is known from outside the database what witnesses say; raises StoreError."""
        try:
            told, lies = self.flow.ask()
            remembered = self.flow.remembered()
        except LogKeyRefused:  # which `known` names
            return known
        heads = dict.fromkeys(  # what a witness tells is mostly what is remembered of it
            KnownHead(_source(seen.by, seen.at), TreeHead("", seen.size, seen.root))
            for seen in (*remembered, *told)
            if seen.root is not None and not seen.refused
        )
        bare = [seen for seen in told if seen.root is None or seen.refused]
        found = self.flow.contradictions(bare, self.extent())
        sentences = dict.fromkeys((*(lie.sentence for lie in lies), *self._remembered_lies()))
        lied = tuple(Break(None, "log", "witness", sentence) for sentence in sentences)
        return replace(known, heads=(*known.heads, *heads), found=(*known.found, *found, *lied))

    def statuses(self) -> tuple[WitnessStatus, ...]:
        """Return what is known of each witness that is set, or was; raises LogKeyRefused."""
        known = dict(self.memory.witnesses())
        names = [witness.name for witness in self.flow.witnesses]
        here = [WitnessStatus(name, True, known.pop(name, WitnessMemory())) for name in names]
        return (*here, *(WitnessStatus(name, False, memory) for name, memory in known.items()))

    def unwitnessed(self) -> timedelta:
        """Return how long ago the oldest event was logged that no witness has seen; zero if all were seen.

        Raises StoreError.
        """
        try:
            size = max((status.memory.size for status in self.statuses() if status.is_set), default=0)
        except LogKeyRefused:
            size = 0
        with self._log.snapshot() as snapshot:
            waiting = snapshot.after(size, 1)
        return max(timedelta(), self._now() - waiting[0].event.time) if waiting else timedelta()

    def require(self) -> None:
        """Raise WitnessMissing if the settings require a witness and events have waited for too long."""
        if not self._settings.witness_required:
            return
        if timedelta() <= self._now() - self._witnessed_at < LOOK_EVERY:
            return
        waiting = self.unwitnessed()
        if waiting > MOST_UNWITNESSED:
            raise WitnessMissing(minutes=int(waiting.total_seconds() // 60))
        self._witnessed_at = self._now()

    def forgive(self, name: str) -> None:
        """Hold a lie against a witness no longer; its event stays. Raises WitnessUnknown, LogKeyRefused."""
        memory = self.memory.witnesses().get(name)
        if memory is None:
            raise WitnessUnknown(witness=name)
        self.memory.remember(name, replace(memory, lie=None))

    def extent(self) -> Extent:
        """Return how long the log is; raises StoreError."""
        newest = self.checkpoints.latest()
        with self._log.snapshot() as snapshot:
            last = snapshot.last()
        return Extent(last.seq if last else 0, last.at if last else "", newest.size if newest else 0)

    def _remembered_lies(self) -> list[str]:
        return [status.memory.lie for status in self.statuses() if status.is_set and status.memory.lie]

    def _keep(self, size: int, cosignature: Cosignature) -> None:
        self._cosignatures.keep(size, cosignature.name, cosignature.at, cosignature.line)

    def _note_lie(self, name: str, lie: WitnessLied) -> None:
        said = {"what": str(lie.reason), "said": lie.sentence}
        subject = f"witness:{name}"[:SUBJECT_CHARACTERS]
        self._log.note_change(NewEvent(EventKind.WITNESS, PROGRAM, subject, said))


class WitnessedLog(CheckpointQueue):
    """The checkpoints of the log, and the keys that it is signed with."""

    def __init__(self, database: Database, state: LogStateFile) -> None:
        super().__init__(database)
        self._state = state

    def is_ours(self, note: str) -> bool:
        """Return whether a note was signed by a key of this log; raises StoreError."""
        try:
            keys = [parse_vkey(key.vkey) for key in self._known_keys()]
            parsed = parse_note(note)
            signers = verify_note(parsed, keys)
            return all(key.name == parse_head(parsed.text).origin for key in signers)
        except (NoteRefused, CheckpointRefused, VerifierKeyRefused):
            return False

    def latest(self) -> SignedCheckpoint | None:
        """Return the checkpoint with the largest tree."""
        return self.newest()

    def _known_keys(self) -> tuple[LogKey, ...]:
        try:
            kept = self._state.read()
        except LogKeyRefused:
            kept = None
        return kept.keys if kept else self.log_keys()


def make_witnesses(settings: Settings, now: Callable[[], datetime]) -> list[Witness]:
    """Return the witnesses of the settings, each under a name of its own."""
    witnesses = [make_witness(url, settings, now) for url in settings.witnesses]
    names: dict[str, int] = {}
    for witness in witnesses:
        count = names[witness.name] = names.get(witness.name, 0) + 1
        if count > 1:  # addresses that differ only in what names leave out
            witness.name = f"{witness.name} ({count})"
    return witnesses


def make_witness(url: str, settings: Settings, now: Callable[[], datetime]) -> Witness:
    """Return the witness of an address, which the settings have checked."""
    scheme = urlsplit(url).scheme
    if scheme == "file":
        return FileWitness(Path(unquote(urlsplit(url).path)))
    if scheme.startswith("syslog"):
        return SyslogWitness(url)
    if scheme == "s3":
        secret, token = settings.aws_secret_access_key, settings.aws_session_token
        return S3Witness(
            url, Credentials(settings.aws_access_key_id, secret, settings.aws_region, token), now
        )
    return C2spWitness(url) if scheme.startswith("witness+") else HttpWitness(url)


def _source(name: str, at: datetime | None) -> str:
    """Return how messages name what a witness saw."""
    return f"the witness {name}{f' ({at:%Y-%m-%d %H:%M:%S} UTC)' if at else ''}"
