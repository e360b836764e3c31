"""Why something failed, in the words of the library that noticed, for operators only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from simsvc.errors import SimsvcError

HIDDEN = "***"
_USER = re.compile(r"(?<=//)[^/\s\"']*@")
"""User and password of an address."""


def explained(problem: SimsvcError, secrets: Iterable[str]) -> str:
    """Return the sentence on a problem and, unless it says so itself, the cause, both without secrets."""
    sentence, cause = problem.sentence, cause_of(problem)
    if cause and cause not in sentence:
        sentence = f"{sentence} Cause: {cause.rstrip('.')}."
    return without_secrets(sentence, secrets)


def cause_of(error: SimsvcError) -> str:
    """Return the first line of the error that an error was raised from, or "" if there is none.

    An error of SQLAlchemy stands for the driver's, `orig`, which says more.
    """
    cause: BaseException | None = error
    while isinstance(cause, SimsvcError):
        cause = cause.__cause__
    if cause is None:
        return ""
    cause = getattr(cause, "orig", None) or cause
    lines = str(cause).strip().splitlines()
    return lines[0].strip() if lines else type(cause).__name__


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text with *** in the place of every secret, and of the user in every address."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, HIDDEN)
    return _USER.sub(f"{HIDDEN}@", text)
