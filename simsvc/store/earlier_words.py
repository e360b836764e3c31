"""The sentences of earlier versions, which their records keep word for word."""

from __future__ import annotations

import json
from pathlib import Path

from simsvc.domain.estimate import explain
from simsvc.domain.estimate.flags import FLAGS
from simsvc.messages import Message

_EARLIER = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
ERRORS: dict[str, dict[str, str]] = _EARLIER["errors"]
"""Earlier templates of errors by code and reason; the reason is empty where an error has one template."""
EVIDENCE: dict[str, str] = {
    **{getattr(explain, name): earlier for name, earlier in _EARLIER["evidence"].items()},
    **{FLAGS[flag]: earlier for flag, earlier in _EARLIER["flags"].items()},
}
"""Earlier templates of evidence and flags by today's."""


def in_earlier_words(message: Message) -> Message:
    """Return a message as earlier versions worded it."""
    if message.code is None:
        template = EVIDENCE.get(message.template, message.template)
    else:
        template = ERRORS.get(message.code, {}).get(message.reason or "", message.template)
    params = {
        name: in_earlier_words(value) if isinstance(value, Message) else value
        for name, value in message.params.items()
    }
    return Message(template, params, message.code, message.reason)
