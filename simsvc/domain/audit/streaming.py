"""Events as they are streamed to other systems: JSON Lines and syslog messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from simsvc.values.events import LoggedEvent

PRIORITY = 13 * 8 + 5
"""Facility "log audit", severity "notice". Source: RFC 5424, section 6.2.1."""
ENTERPRISE = 32473
"""In names of structured data: the enterprise number for examples (RFC 5612), because simsvc has none."""
NILVALUE = "-"
_NOT_PRINTABLE = re.compile(r"[^!-~]")


def event_fields(logged: LoggedEvent, with_content: bool) -> dict[str, Any]:
    """Return what is streamed of an event: the chained fields, and its salt and content if wanted.

    The chained fields hold no personal data. Contents may, and what another system received can no longer be
    erased here. The content is the canonical JSON that the digest covers, as text; None if it was erased.
    """
    fields = asdict(logged.event)
    if not with_content:
        return fields
    erased = logged.content is None
    return {**fields, "salt": None if erased else logged.salt.hex(), "content": logged.content}


def json_line(logged: LoggedEvent, with_content: bool) -> bytes:
    """Return an event as a line of JSON."""
    return json.dumps(event_fields(logged, with_content)).encode() + b"\n"


def syslog_message(logged: LoggedEvent, with_content: bool, host: str, process: int) -> bytes:
    """Return an event as a syslog message with structured data."""
    event = logged.event
    fields = event_fields(logged, with_content)
    text = fields.pop("content", None)
    data = structured_data("event", ((name, value) for name, value in fields.items() if value is not None))
    return syslog_line(event.at, host, process, event.kind, data, text)


def structured_data(name: str, fields: Iterable[tuple[str, object]]) -> str:
    """Return structured data of one element. Source: RFC 5424, section 6.3."""
    values = "".join(f' {field}="{_escaped(value)}"' for field, value in fields)
    return f"[{name}@{ENTERPRISE}{values}]"


def syslog_line(at: str, host: str, process: int, kind: str, data: str, text: str | None = None) -> bytes:
    """Return a message of simsvc; `at` is in RFC 3339, with microseconds at most.

    Source: RFC 5424, section 6.
    """
    header = f"<{PRIORITY}>1 {_word(at, 32)} {_word(host, 255)} simsvc {process} {_word(kind, 32)} {data}"
    said = header.encode("utf-8", "replace")
    return said if text is None else said + b" \xef\xbb\xbf" + text.encode("utf-8", "replace")


def _word(text: str, longest: int) -> str:
    """Return a field of a header: printable ASCII without spaces."""
    return _NOT_PRINTABLE.sub("", text)[:longest] or NILVALUE


def _escaped(value: object) -> str:
    """Return a parameter's value. Source: RFC 5424, section 6.3.3."""
    return re.sub(r'(["\\\]])', r"\\\1", str(value))
