"""English sentences of the pure code to another language.

The pure code speaks English and knows nothing of languages; records hold what was said. A message whose id
has numbered gaps, such as "The face is only {0} pixels across.", stands for every sentence of that form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

GAP = re.compile(r"\{(\d+)\}")
WITHIN_A_SENTENCE = r"(?:(?!\. ).)+?"


class PhraseBook:
    """Finds a sentence by its form, and says it with the same figures.

    Args:
        messages: English with gaps to the other language with the same gaps.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        self._messages = messages
        with_gaps = sorted((m for m in messages if GAP.search(m)), key=_fixed_characters, reverse=True)
        self._forms = [(_form(message), messages[message]) for message in with_gaps]

    def translate(self, text: str) -> str:
        """Return one or several sentences in the other language; all in English where one is unknown."""
        return self._known(text) or text

    def _known(self, text: str) -> str | None:
        whole = self._sentence(text)
        if whole is not None:
            return whole
        for head, tail in _cuts(text):
            first = self._sentence(head)
            rest = self._known(tail) if first is not None else None
            if first is not None and rest is not None:
                return first + rest
        return None

    def _sentence(self, text: str) -> str | None:
        if text in self._messages:
            return self._messages[text]
        for form, other in self._forms:
            match = form.fullmatch(text)
            if match:
                return self._filled(other, match.groupdict())
        return None

    def _filled(self, other: str, found: Mapping[str, str]) -> str:
        """Fill the gaps; what stands in one may be a message itself, such as "a PDF document"."""
        return GAP.sub(lambda gap: self.translate(found[f"gap{gap[1]}"]), other)


def _form(message: str) -> re.Pattern[str]:
    pieces = GAP.split(message)
    gap = "(?P<gap{}>" + WITHIN_A_SENTENCE + ")"
    return re.compile(
        "".join(gap.format(piece) if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)),
        re.DOTALL,
    )


def _fixed_characters(message: str) -> int:
    return len(GAP.sub("", message))


def _cuts(text: str) -> Iterator[tuple[str, str]]:
    """Give every cut between two sentences, the latest first."""
    for place in reversed([match.end() for match in re.finditer(r"\.(?= )", text)]):
        yield text[:place], text[place + 1 :]
