"""The table of attacks as text, and in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.attacks.run import Found
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "explanation" / "what-the-log-proves.md"
BEGIN, END = "<!-- attacks: written by `make attacks WRITE=1` -->", "<!-- end of attacks -->"
HEADING = ("attack", "`flask audit verify` says", "the witness alone", "compared with evidence from before")
NOTHING = "-"
PLAIN = (
    (re.compile(r"\S*/home/(keys|elsewhere)/"), ""),
    (re.compile(r" \(\d{4}-\d\d-\d\d [\d:]+ UTC\)"), ""),
    (re.compile(r" of \d{4}-\d\d-\d\dT[\d:.]+Z"), ""),
    (re.compile(r"\b(?:estimate:)?[0-9a-f]{32}\b"), "ID"),
    (re.compile(r" \([0-9a-f]{12}\)"), ""),
    (re.compile(r"\bdemo/b-[0-9a-f]{12}\b"), "demo/b-ID"),
    (re.compile(r"The log that you were shown later is not a continuation of the one that you hold: "), ""),
    (re.compile(r"the witness witness.jsonl"), "the witness"),
    (re.compile(r", or the database was rolled back, for example by a restore"), ""),
    (re.compile(r"(?<=[a-z])\. [A-Z].*"), "."),
)
"""What differs from run to run, or says what to do, and what stands for it in a table."""


def plain(sentence: str) -> str:
    """Return the first sentence without what differs from run to run."""
    for found, instead in PLAIN:
        sentence = found.sub(instead, sentence)
    return sentence


def cells(found: Found) -> tuple[str, str, str, str]:
    """Return the row of an attack."""
    attack = found.attack
    named = ((found.verify, attack.verify), (found.witness, attack.witness), (found.later, attack.later))
    verify, witness, later = (_sentence(said, words) for said, words in named)
    return attack.name, verify, witness, later


def as_text(found: Found) -> str:
    """Return what names an attack, for a terminal."""
    names = ("verify", "witness", "later")
    lines = [f"  {name:8}{cell}" for name, cell in zip(names, cells(found)[1:], strict=True)]
    lines += [f"  before  {sentence}" for sentence in found.before]
    return "\n".join((f"{'ok  ' if found.as_expected else 'NOT '}{found.attack.name}", *lines))


def as_markdown(rows: Iterable[Sequence[str]]) -> str:
    """Return the table of the documentation."""
    return "\n".join(map(as_line, [HEADING, ["---"] * len(HEADING), *rows]))


def as_line(row: Sequence[str]) -> str:
    """Return a line of that table."""
    return f"| {' | '.join(row)} |"


def written(page: str) -> str:
    """Return the table that stands on a page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def write(rows: Iterable[Sequence[str]], place: Path = PAGE) -> None:
    """Put the table into the documentation."""
    head, _, rest = place.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    place.write_text(f"{head}{BEGIN}\n\n{as_markdown(rows)}\n\n{END}{tail}")


def _sentence(said: Sequence[str], words: str) -> str:
    """Return what was said with the expected words, or all that was said where they are missing."""
    fitting = [one for one in said if words and words in one]
    return plain(fitting[0]) if fitting else " ".join(map(plain, said)) or NOTHING
