"""/search: records, cases, files, notes, people and index builds by one text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.store.desk.history import FoundCase, HistoryFilter, HistoryRow
from simsvc.values import User
from simsvc.web.http.current import services

blueprint = Blueprint("search", __name__, url_prefix="/search")

MOST_CHARACTERS = 100
MOST_FOUND = 10
"""Of each kind; the history lists all of them."""
NUMBER = re.compile(r"#?([0-9]{1,9})")
RECORD_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a text was found in, the newest first."""

    numbered: Sequence[HistoryRow]
    cases: Sequence[FoundCase]
    files: Sequence[HistoryRow]
    notes: Sequence[HistoryRow]
    people: Sequence[User]
    builds: Sequence[str]

    @property
    def anything(self) -> bool:
        """Return whether the text was found at all."""
        return any((self.numbered, self.cases, self.files, self.notes, self.people, self.builds))


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show what is found, or lead straight to the only record or case that is called exactly so."""
    asked = _asked()
    if not asked:
        return render_template("search.html", asked="", found=None, most=MOST_FOUND)
    exact = _exact(asked)
    if len(exact) == 1:
        return redirect(exact[0], 303)
    return render_template("search.html", asked=asked, found=_found(asked), most=MOST_FOUND)


def _asked() -> str:
    text = request.args.get("q", "")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:MOST_CHARACTERS]


def _exact(asked: str) -> list[str]:
    """Return the addresses of the record and of the case that are called exactly so."""
    records = [url_for("pages.show", public_id=row.recorded.id) for row in _numbered(asked)]
    cases = services().history.cases(HistoryFilter(whole_case=asked), 1)
    return [*records, *(url_for("cases.show", reference=case.reference) for case in cases)]


def _numbered(asked: str) -> list[HistoryRow]:
    number, history = NUMBER.fullmatch(asked), services().history
    if number and int(number[1]):
        return history.some(HistoryFilter(number=int(number[1])), "newest", 0, 1)
    if RECORD_ID.fullmatch(asked.lower()):
        return history.some(HistoryFilter(public_id=asked.lower()), "newest", 0, 1)
    return []


def _found(asked: str) -> Found:
    history = services().history
    words = asked.casefold()
    return Found(
        numbered=_numbered(asked),
        cases=history.cases(HistoryFilter(case=asked), MOST_FOUND),
        files=history.some(HistoryFilter(file=asked), "newest", 0, MOST_FOUND),
        notes=history.some(HistoryFilter(note=asked), "newest", 0, MOST_FOUND),
        people=[user for user in services().users.all() if words in user.name.casefold()][:MOST_FOUND],
        builds=[label for label in services().shelf.labels() if words in label.casefold()][:MOST_FOUND],
    )
