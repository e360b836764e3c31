"""The hash chain: each event's hash covers the event and the previous hash.

Changing, removing or inserting an event changes all later hashes, which a checkpoint kept elsewhere reveals.
Source: RFC 8785 (canonical JSON), FIPS 180-4 (SHA-256), and Schneier and Kelsey, "Secure Audit Logs to
Support Computer Forensics", ACM TISSEC 2 (1999), for hash chains over logs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import rfc8785

from simsvc.values.events import Event, LoggedEvent, NewEvent

BEGINNING = "0" * 64
"""Previous hash of the first event."""
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
"""Text that JSON holds as it is. A million events are verified in half the time without a JSON library."""
SALT_BYTES = 32
"""Same length as the digest, so the salt is as hard to guess as the digest."""


def canonical(content: Mapping[str, Any]) -> str:
    """Return content as canonical JSON (RFC 8785).

    Raises:
        ValueError: JSON cannot hold it, for example a time or an infinite number.
    """
    try:
        return rfc8785.dumps(dict(content)).decode()
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise ValueError(f"an event's content must be JSON: {error}") from error


def content_sha256(salt: bytes, content: str) -> str:
    """Return the hex digest of salt and canonical content.

    Salt and content are erased together, so the remaining digest reveals nothing about the content. Source:
    EDPB Guidelines 02/2025 on processing of personal data through blockchain technologies: a keyed or salted
    hash whose key is erased with the data.
    """
    return hashlib.sha256(salt + content.encode("utf-8", "surrogateescape")).hexdigest()


def event_bytes(event: Event) -> bytes:
    """Return all fields of an event but its own digest as canonical JSON: what its hash and its leaf cover.

    Raises:
        ValueError: a field is not valid, for example text that is not Unicode.
    """
    texts = (event.actor, event.at, event.content_sha256, event.kind, event.previous_sha256, event.subject)
    if _PLAIN.fullmatch("".join(texts)):
        actor, at, content, kind, previous, subject = texts
        return (
            f'{{"actor":"{actor}","at":"{at}","content_sha256":"{content}","kind":"{kind}",'
            f'"previous_sha256":"{previous}","seq":{event.seq},"subject":"{subject}"}}'
        ).encode()
    covered = asdict(event)
    del covered["sha256"]
    return canonical(covered).encode()


def event_sha256(event: Event) -> str:
    """Return the hex digest of all fields of an event but its own digest.

    Raises:
        ValueError: a field is not valid, for example text that is not Unicode.
    """
    return hashlib.sha256(event_bytes(event)).hexdigest()


def next_event(new: NewEvent, now: datetime, digest: str, last: Event | None) -> Event:
    """Return the event after the last one, or the first, at an aware time, with its content's digest."""
    seq, previous = (last.seq + 1, last.sha256) if last else (1, BEGINNING)
    at = now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    unsealed = Event(seq, at, str(new.kind), new.actor, new.subject, digest, previous, sha256="")
    return replace(unsealed, sha256=event_sha256(unsealed))


def chain_fault(event: Event, last: Event | None) -> str | None:
    """Return a sentence on why an event does not follow the previous one, if any, or None if it does."""
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
    """Return a sentence if an event's content is not the logged one, else None."""
    if content_sha256(salt, content) == event.content_sha256 and len(salt) == SALT_BYTES:
        return None
    return f"The content of event {event.seq} is not what was logged: its digest does not fit."


def is_whole(logged: LoggedEvent) -> bool:
    """Return whether an event and its content, if it was not erased, are as they were logged."""
    try:
        whole = event_sha256(logged.event) == logged.event.sha256
    except ValueError:
        return False
    return whole and (logged.content is None or not content_fault(logged.event, logged.salt, logged.content))


def differing(logged: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a record that differ from when it was logged, without those added later."""
    return tuple(name for name, value in logged.items() if name not in now or now[name] != value)
