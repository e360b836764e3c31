"""Sentences with named gaps, and what fills them: English here, translated where they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Union

Param = Union[str, float, "Message", None]
"""What fills a gap. A word that is translated too, such as a format's name, is a message of its own."""


def N_(text: str) -> str:  # noqa: N802 - the name by which gettext's tools know it
    """Mark a text for the catalogues of translations, and return it."""
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told.

    Attributes:
        template: English with named gaps: "The photo has only %(width_px)s pixels."
        params: what fills each gap; a template without gaps has none and is used as it is.
        code: of the error that it states, or None.
        reason: which of that error's templates it is, or None where there is only one.
        recorded: the English sentence that a record has, where it is worded differently today, or None.
    """

    template: str
    params: Mapping[str, Param] = field(default_factory=dict)
    code: str | None = None
    reason: str | None = None
    recorded: str | None = None

    def __str__(self) -> str:
        """Return the English sentence; of a record, in the words that are on record."""
        return self.render(lambda text: text) if self.recorded is None else self.recorded

    def render(self, gettext: Callable[[str], str]) -> str:
        """Return it in today's words, in the language to which `gettext` translates."""
        template = gettext(self.template)
        if not self.params:
            return template
        return template % {
            name: value.render(gettext) if isinstance(value, Message) else value
            for name, value in self.params.items()
        }


def joined(*messages: Message) -> Message:
    """Return one or more sentences as one message."""
    first, *others = messages
    for other in others:
        first = Message(N_("%(first)s %(next)s"), {"first": first, "next": other})
    return first
