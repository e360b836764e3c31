"""What the log remembers: who did what to which record, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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


COMMAND = "command"
"""Actor of what is done on the command line."""
PROGRAM = "program"
"""Actor of what a program, or a command for photos, asks for without an account."""
VISITOR = "visitor"
"""Actor of what is done before anyone has signed in."""


def actor_of(account: str | None) -> str:
    """Return who acts where a record names this account; a program or a command where it names none."""
    return f"user:{account}" if account and ":" not in account else account or PROGRAM


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that is to be logged.

    Attributes:
        kind: what happened.
        actor: who did it: "user:<public id>", "token:<public id>", `COMMAND`, `PROGRAM` or `VISITOR`; at most
            64 characters. Never a name.
        subject: to what, such as "estimate:<public id>", at most 160 characters. It enters the chain and can
            never be erased, so that nothing personal may stand in it: no name, no case reference.
        content: anything else, as JSON would hold it. Only its salted digest enters the chain; the content
            stands beside it and can be erased.
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
    """A link of the chain.

    Attributes:
        seq: 1 and up, without a gap.
        at: when it was logged, UTC, as RFC 3339 with microseconds: "2026-01-31T12:00:00.000000Z".
        kind: what happened, as `EventKind` names it.
        actor: who did it.
        subject: to what.
        content_sha256: of salt and content; see `domain.audit.chain.content_sha256`.
        previous_sha256: `sha256` of the event before; of the first event, 64 zeros.
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
    """An event, and what it says beside the chain.

    Attributes:
        event: as it is stored.
        salt: of its content; empty where that was erased.
        content: canonical JSON, or None where it was erased.
    """

    event: Event
    salt: bytes
    content: str | None


@dataclass(frozen=True, slots=True)
class RecordKey:
    """Which record an event is about.

    Attributes:
        estimate_id: public id of the estimate.
        decision: number of the decision on it, or 0 for the estimate itself.
    """

    estimate_id: str
    decision: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """The first thing in the log that does not fit.

    Attributes:
        seq: number of the event, or None where a record has no event.
        subject: of the event or record.
        code: stable: "chain", "content", "content_missing", "record_missing", "record_differs", "not_logged"
            or "checkpoint".
        sentence: what does not fit.
    """

    seq: int | None
    subject: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying the log found.

    Attributes:
        events: how many there are.
        erased: how many of them have had their content erased.
        last: the last one, or None in an empty log.
        broken: the first break, or None where everything fits.
    """

    events: int
    erased: int
    last: Event | None
    broken: Break | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That the log contained an event: to be kept where nobody who can write the log can write.

    Attributes:
        seq: number of the event.
        sha256: of the event, and thereby of everything before it.
        at: when the event was logged, as the event has it.
    """

    seq: int
    sha256: str
    at: str
