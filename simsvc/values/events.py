"""Events of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened."""

    ESTIMATE = "estimate"
    DECISION = "decision"
    SIGN_IN = "sign_in"
    ACCOUNT = "account"
    TOKEN = "token"  # noqa: S105 - a kind of event, no password
    INDEX_SWITCH = "index_switch"
    MODEL_SWITCH = "model_switch"
    ERASURE = "erasure"
    EXPORT = "export"
    SETTINGS = "settings"
    FACE = "face"
    REPLAY = "replay"
    RETENTION = "retention"
    RETIREMENT = "retirement"
    BATCH = "batch"
    RESTORE = "restore"
    VERIFICATION = "verification"
    REFERRAL = "referral"
    BACKUP = "backup"
    SESSION = "session"
    BUILD = "build"
    KEY = "key"
    READ = "read"
    WITNESS = "witness"
    SERVED = "served"


COMMAND = "command"
"""Actor for the command line."""
PROGRAM = "program"
"""Actor for programs and commands without an account."""
VISITOR = "visitor"
"""Actor before sign-in."""


def actor_of(account: str | None) -> str:
    """Return the actor for the account of a record."""
    return f"user:{account}" if account and ":" not in account else account or PROGRAM


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A new event.

    Attributes:
        actor: who did it: "user:<public id>", "token:<public id>", `COMMAND`, `PROGRAM` or `VISITOR`; at most
            64 characters. Never a name.
        subject: what it is about, such as "estimate:<public id>", at most 160 characters. Part of the chain
            and never erased, so it must not contain personal data.
        content: details, ready for JSON. Only the salted digest is part of the chain, so the content can be
            erased.
    """

    kind: EventKind
    actor: str
    subject: str
    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not 0 < len(self.actor) <= 64 or not 0 < len(self.subject) <= 160:
            raise ValueError("an event needs an actor of 1 to 64 and a subject of 1 to 160 characters")


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event of the chain.

    Attributes:
        seq: sequence number from 1, without gaps.
        at: when it was logged, UTC, as RFC 3339 with microseconds: "2026-01-31T12:00:00.000000Z".
        kind: an `EventKind`.
        content_sha256: of salt and content; see `domain.audit.chain.content_sha256`.
        previous_sha256: `sha256` of the previous event; 64 zeros for the first.
        sha256: of everything above; see `domain.audit.chain.event_sha256`.
    """

    seq: int
    at: str
    kind: str
    actor: str
    subject: str
    content_sha256: str
    previous_sha256: str
    sha256: str

    @property
    def time(self) -> datetime:
        """When it was logged, aware, in UTC."""
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its salt and its content in canonical JSON; empty and None if erased."""

    event: Event
    salt: bytes
    content: str | None


@dataclass(frozen=True, slots=True)
class RecordKey:
    """The record that an event is about: a decision by its number, or 0 for the estimate itself."""

    estimate_id: str
    decision: int = 0


@dataclass(frozen=True, slots=True)
class FaceSets:
    """The SHA-256 of each set in the file of face changes, when the log ended with event `up_to`."""

    up_to: int
    sha256s: tuple[str, ...]


MOST_PROBLEMS = 100
"""Problems that a verification keeps: more say nothing more to a reader, and all are counted."""


@dataclass(frozen=True, slots=True)
class Break:
    """A problem in the log.

    `seq` is None if a record or row has no event; `subject` is that of the event, or table and key of a row;
    `code` is "chain", "content", "content_missing", "record_missing", "record_differs", "not_logged",
    "checkpoint", "state_differs", "not_served", "time_order" or "witness" (a witness that lied).
    """

    seq: int | None
    subject: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of verifying the log: all events, those with erased content, the last, all problems.

    Attributes:
        problems: by event number, those without one last; at most `MOST_PROBLEMS`.
        more: how many problems there are besides.
    """

    events: int
    erased: int
    last: Event | None
    problems: tuple[Break, ...] = ()
    more: int = 0

    @property
    def broken(self) -> Break | None:
        """The first problem."""
        return self.problems[0] if self.problems else None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Proof of an event and all before it. Keep it where nobody who can write the log can write."""

    seq: int
    sha256: str
    at: str


@dataclass(frozen=True, slots=True)
class LogState:
    """What a verification found: like a `Verdict`, with the last event as a checkpoint."""

    events: int
    erased: int
    head: Checkpoint | None
    problems: tuple[Break, ...] = ()
    more: int = 0

    @property
    def broken(self) -> Break | None:
        """The first problem."""
        return self.problems[0] if self.problems else None

    @classmethod
    def of(cls, verdict: Verdict) -> LogState:
        """Return the part of a verdict that is recorded."""
        last = verdict.last
        head = Checkpoint(last.seq, last.sha256, last.at) if last else None
        return cls(verdict.events, verdict.erased, head, verdict.problems, verdict.more)


@dataclass(frozen=True, slots=True)
class Verification:
    """A run over the log; times are UTC.

    Attributes:
        number: from 1 on.
        started_by: an actor, like that of an event.
        done: events verified so far, of `total`.
        seen_at: when it last reported progress.
        finished_at: None while it runs, or if its process was stopped.
        found: None until then, and if it failed.
    """

    number: int
    started_at: datetime
    started_by: str
    done: int
    total: int
    seen_at: datetime
    finished_at: datetime | None
    found: LogState | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are listed; an empty field means any, and days are UTC, both included.

    `without` names kinds that are left out.
    """

    kind: str = ""
    actor: str = ""
    subjects: tuple[str, ...] | None = None
    since: date | None = None
    until: date | None = None
    without: tuple[str, ...] = ()


EVERY_EVENT = EventFilter()
