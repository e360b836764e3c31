"""What a walk over files leaves out: counted by reason, with a few names of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES = 3
"""Names that are kept and told of each reason, so that millions of files cost no memory."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tally of files that are not judged.

    Attributes:
        counts: reason to number of files.
        examples: reason to the first names in order.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count a file, by its name as text that can be written anywhere."""
        self.counts[reason] += 1
        known = self.examples.setdefault(reason, [])
        if len(known) < EXAMPLES or name < known[-1]:
            known[:] = sorted((*known, name))[:EXAMPLES]

    def lines(self) -> list[str]:
        """Say what was left out, a line a reason, the most frequent first; none where nothing was."""
        return [
            f"{count:,} left out: {reason} ({_some(self.examples[reason], count)})"
            for reason, count in sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))
        ]


def _some(names: list[str], count: int) -> str:
    return ", ".join(names) + (", ..." if count > len(names) else "")
