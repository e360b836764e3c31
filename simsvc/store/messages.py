"""What rows say: the recorded sentence, and the code and parameters by which pages word and translate it.

The log hashes the sentence, so the rest is used only if it gives that sentence, in the words of today or of
earlier versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simsvc.errors import from_json
from simsvc.messages import Message
from simsvc.store.earlier_words import in_earlier_words


def restored(sentence: str | None, held: Mapping[str, Any] | None) -> Message | None:
    """Return what a row says in English, and as `errors.to_json` writes it where that is known."""
    if sentence is None:
        return None
    try:
        message = from_json(held) if held else Message(sentence)
        if str(message) == sentence:
            return message
        if str(in_earlier_words(message)) == sentence:
            return replace(message, recorded=sentence)
    except (AttributeError, LookupError, TypeError, ValueError):  # of a later version, or not simsvc's own
        pass
    return Message(sentence)
