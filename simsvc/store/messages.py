"""What rows say: the sentence as it was said, and beside it code and parameters, by which it is translated.

The log has hashed the sentence, so that it counts: a message that no longer gives it, since a later version
words it otherwise, is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsvc.errors import from_json
from simsvc.messages import Message


def restored(sentence: str | None, held: Mapping[str, Any] | None) -> Message | None:
    """Return what a row says in English, and as `errors.to_json` writes it where that is known."""
    if sentence is None:
        return None
    try:
        message = from_json(held) if held else Message(sentence)
        return message if str(message) == sentence else Message(sentence)
    except (AttributeError, LookupError, TypeError, ValueError):  # of a later version, or not simsvc's own
        return Message(sentence)
