"""The chain of events: each event's hash covers its own words and the hash of the event before.

Whoever changes, removes or adds an event in the middle has to make every later hash anew, which a checkpoint
that someone else keeps gives away. Source: RFC 8785 (canonical JSON), FIPS 180-4 (SHA-256), and Schneier and
Kelsey, "Secure Audit Logs to Support Computer Forensics", ACM TISSEC 2 (1999), for hash chains over logs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import rfc8785

from simsvc.values.events import Event, NewEvent

BEGINNING = "0" * 64
"""What the first event names as the hash before it."""
SALT_BYTES = 32
"""As many as the digest has: guessing the salt is as hard as guessing the digest itself."""


def canonical(content: Mapping[str, Any]) -> str:
    """Write content as the one JSON text that RFC 8785 gives it.

    Raises:
        ValueError: it is nothing that JSON can hold, such as a time, or a number that is not finite.
    """
    try:
        return rfc8785.dumps(dict(content)).decode()
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise ValueError(f"an event's content must be JSON: {error}") from error


def content_sha256(salt: bytes, content: str) -> str:
    """Return the hex digest of salt and canonical content.

    Salt and content are erased together. The digest that is left then tells nothing about the content,
    however few contents there could be. Source: EDPB Guidelines 02/2025 on processing of personal data
    through blockchain technologies: a keyed or salted hash whose key is erased with the data.
    """
    return hashlib.sha256(salt + content.encode("utf-8", "surrogateescape")).hexdigest()


def event_sha256(event: Event) -> str:
    """Return the hex digest of everything that an event says, but its own digest.

    Raises:
        ValueError: it says what no event can, such as text that is no Unicode.
    """
    covered = asdict(event)
    del covered["sha256"]
    return hashlib.sha256(canonical(covered).encode()).hexdigest()


def next_event(new: NewEvent, now: datetime, digest: str, last: Event | None) -> Event:
    """Return the event that follows the last one, or the first of all.

    Args:
        new: what happened.
        now: when, aware.
        digest: of its content.
        last: the last event of the chain, or None where there is none.
    """
    seq, previous = (last.seq + 1, last.sha256) if last else (1, BEGINNING)
    at = now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    unsealed = Event(seq, at, str(new.kind), new.actor, new.subject, digest, previous, sha256="")
    return replace(unsealed, sha256=event_sha256(unsealed))


def chain_fault(event: Event, last: Event | None) -> str | None:
    """Say why an event does not follow the one before it, as a sentence, or None where it does.

    Args:
        event: as it is stored.
        last: the event that is stored before it, or None at the beginning.
    """
    seq, previous = (last.seq + 1, last.sha256) if last else (1, BEGINNING)
    if event.seq != seq:
        return f"Event {seq} is missing: event {event.seq} comes in its place."
    try:
        fits = event_sha256(event) == event.sha256
    except ValueError:
        fits = False
    if not fits:
        return f"Event {seq} does not say what it said when it was logged: its hash does not fit."
    if event.previous_sha256 != previous:
        return f"Event {seq} names another event before it than event {seq - 1} as it is now."
    return None


def content_fault(event: Event, salt: bytes, content: str) -> str | None:
    """Say that the content beside an event is not the one that was logged, or return None."""
    if content_sha256(salt, content) == event.content_sha256 and len(salt) == SALT_BYTES:
        return None
    return f"The content of event {event.seq} is not what was logged: its digest does not fit."


def differing(logged: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what a record says otherwise than when it was logged.

    What a later version of simsvc adds to a record is not held against an event of before.
    """
    return tuple(name for name, value in logged.items() if name not in now or now[name] != value)
