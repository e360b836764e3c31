"""The hash chain: each event's hash covers the event and the previous hash.

Changing, removing or inserting an event changes all later hashes, which a checkpoint kept elsewhere reveals.
Source: RFC 8785 (canonical JSON), FIPS 180-4 (SHA-256), and Schneier and Kelsey, "Secure Audit Logs to
Support Computer Forensics", ACM TISSEC 2 (1999), for hash chains over logs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import rfc8785

from simsvc.values.events import Event, NewEvent

BEGINNING = "0" * 64
"""Previous hash of the first event."""
SALT_BYTES = 32
"""Same length as the digest, so the salt is as hard to guess as the digest."""


_WRITE = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode
_EXACT_INTEGERS = 2**53
"""All whole numbers below it are distinct doubles. Source: RFC 8785, section 3.2.2.3, and IEEE 754."""
_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e15
"""Between these, Python and ECMAScript write a double alike: fewest digits, no exponent. Source: Python's
`repr` (exponents below 1e-4 and from 1e16 on); ECMA-262, Number::toString (below 1e-6, from 1e21)."""


_SAID = tuple(part.name for part in fields(Event) if part.name != "sha256")
_STRINGS = frozenset({str})
_WRITTEN_ALIKE = frozenset({str, bool, type(None)})


class _Unusual(Exception):
    """A value that Python's encoder may not write as RFC 8785 requires."""


def canonical(content: Mapping[str, Any]) -> str:
    """Return content as canonical JSON (RFC 8785).

    Python's C encoder is used where its output is canonical, which takes a tenth of the time.

    Raises:
        ValueError: JSON cannot hold it, for example a time or an infinite number.
    """
    try:
        text = _WRITE(_usual(dict(content)))
        text.encode()  # a lone surrogate is not text
    except _Unusual:
        return _canonical_slowly(content)
    except UnicodeError as error:
        raise ValueError(f"an event's content must be JSON: {error}") from error
    return text


def _canonical_slowly(content: Mapping[str, Any]) -> str:
    try:
        return rfc8785.dumps(dict(content)).decode()
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise ValueError(f"an event's content must be JSON: {error}") from error


def _usual(value: Any) -> Any:
    """Return the value with whole doubles as integers, as RFC 8785 writes them."""
    kind = type(value)
    if kind is float:
        return _usual_double(value)
    if kind in _WRITTEN_ALIKE or (kind is int and abs(value) < _EXACT_INTEGERS):
        return value
    if kind is dict and _STRINGS.issuperset(map(type, value)) and "".join(value).isascii():
        return {name: one if type(one) in _WRITTEN_ALIKE else _usual(one) for name, one in value.items()}
    if kind is list or kind is tuple:
        return [_usual(one) for one in value]
    raise _Unusual


def _usual_double(value: float) -> float:
    size = abs(value)
    if value.is_integer():
        if size < _EXACT_INTEGERS:
            return int(value)
    elif _LEAST_PLAIN <= size < _MOST_PLAIN:
        return value
    raise _Unusual


def content_sha256(salt: bytes, content: str) -> str:
    """Return the hex digest of salt and canonical content.

    Salt and content are erased together, so the remaining digest reveals nothing about the content. Source:
    EDPB Guidelines 02/2025 on processing of personal data
    through blockchain technologies: a keyed or salted hash whose key is erased with the data.
    """
    return hashlib.sha256(salt + content.encode("utf-8", "surrogateescape")).hexdigest()


def event_sha256(event: Event) -> str:
    """Return the hex digest of all fields of an event but its own digest.

    Raises:
        ValueError: a field is not valid, for example text that is not Unicode.
    """
    return _said_sha256({name: getattr(event, name) for name in _SAID})


def _said_sha256(said: Mapping[str, int | str]) -> str:
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def next_event(new: NewEvent, now: datetime, digest: str, last: Event | None) -> Event:
    """Return the event that follows the last one, or the first event.

    Args:
        new: what happened.
        now: when, aware.
        digest: of its content.
        last: the last event of the chain, or None where there is none.
    """
    seq, previous = (last.seq + 1, last.sha256) if last else (1, BEGINNING)
    at = now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    said = (seq, at, str(new.kind), new.actor, new.subject, digest, previous)
    return Event(*said, sha256=_said_sha256(dict(zip(_SAID, said, strict=True))))


def chain_fault(event: Event, last: Event | None) -> str | None:
    """Return a sentence on why an event does not follow the previous one, or None if it does.

    Args:
        event: as it is stored.
        last: the previous stored event, or None at the beginning.
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
    """Return a sentence if an event's content is not the logged one, else None."""
    if content_sha256(salt, content) == event.content_sha256 and len(salt) == SALT_BYTES:
        return None
    return f"The content of event {event.seq} is not what was logged: its digest does not fit."


def differing(logged: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a record that differ from when it was logged.

    Fields added by a later version of simsvc do not count.
    """
    return tuple(name for name, value in logged.items() if name not in now or now[name] != value)
