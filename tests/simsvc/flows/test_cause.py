"""The cause of a problem is that of the library that noticed, without secrets."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from simsvc.errors import IndexMissing, SimsvcError, StoreError
from simsvc.flows.cause import cause_of, explained
from simsvc.flows.health import look_over


def raised_from(cause: BaseException) -> SimsvcError:
    problem = StoreError("busy")
    problem.__cause__ = cause
    return problem


def test_the_driver_says_the_cause() -> None:
    """Neither the statement nor further lines are of use to an operator."""
    driver = sqlite3.OperationalError("no such host\nIs it running?")
    problem = raised_from(OperationalError("SELECT 1", {}, driver))
    assert cause_of(problem) == "no such host"
    assert explained(problem, ()) == f"{problem.sentence} Cause: no such host."


def test_the_cause_of_a_cause_is_found() -> None:
    """A problem of one part that follows from another's has the other's cause."""
    assert cause_of(raised_from(raised_from(OSError("gone")))) == "gone"


def test_an_error_without_words_is_named() -> None:
    """The name of its class is better than nothing."""
    assert cause_of(raised_from(TimeoutError())) == "TimeoutError"


@pytest.mark.parametrize("problem", [StoreError("busy"), raised_from(OSError("Try again in a moment"))])
def test_a_sentence_that_says_it_all_stays_as_it_is(problem: SimsvcError) -> None:
    """Nothing is added where there is no cause, or where it is in the sentence."""
    assert explained(problem, ()) == problem.sentence


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("password p@ss/w is wrong", "password *** is wrong"),
        ("password p%40ss%2Fw is wrong", "password *** is wrong"),
        ("cannot open postgresql://me:p@ss/w@db:5432/x", "cannot open postgresql://***@db:5432/x"),
        ("cannot open https://someone@db", "cannot open https://***@db"),
        ("cannot open https://db/a@b", "cannot open https://db/a@b"),
    ],
)
def test_secrets_are_left_out(words: str, shown: str) -> None:
    """Passwords as they are and as they are written in addresses, and users in addresses."""
    said = explained(raised_from(OSError(words)), ["@ss", "p@ss/w", "p%40ss%2Fw"])
    assert said.endswith(f" Cause: {shown}.")


def test_only_a_look_that_explains_names_causes() -> None:
    """`/readyz`, which anyone may ask, says no more than the sentence."""

    def look() -> str:
        raise IndexMissing() from OSError("a cause")

    (short,), (long,) = look_over([("a", look)]), look_over([("a", look)], lambda each: explained(each, ()))
    assert "a cause" not in short.sentence
    assert "a cause" in long.sentence
