"""Tally of skipped files: counts by reason with a few names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES = 3
"""Names kept per reason, so that millions of files take no memory."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tally of skipped files: their number and first names by reason."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count a file by its printable name."""
        self.counts[reason] += 1
        known = self.examples.setdefault(reason, [])
        if len(known) < EXAMPLES or name < known[-1]:
            known[:] = sorted((*known, name))[:EXAMPLES]

    def lines(self) -> list[str]:
        """Return a line per reason, most frequent first."""
        return [
            f"{count:,} left out: {reason} ({_some(self.examples[reason], count)})"
            for reason, count in sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))
        ]


def _some(names: list[str], count: int) -> str:
    return ", ".join(names) + (", ..." if count > len(names) else "")
