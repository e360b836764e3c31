from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.accounts.passwords import (
    COMMON,
    LEAST_CHARACTERS,
    check_password,
    checked_name,
    lock_after,
    name_key,
)
from simsvc.errors import NameRefused, PasswordRefused


@pytest.mark.parametrize(
    "password",
    ["seven grey herons wade", "长长的密码也是可以的真的没问题", "q7!fjw0zvm2p", "x k c d n p " * 10],
)
def test_a_long_password_of_any_characters_is_taken(password: str) -> None:
    """No mixture is asked for, and any script counts."""
    check_password(password, "anna")


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("elevenchars", "fewer than 12"),
        ("", "fewer than 12"),
        ("a very long one " * 9, "more than 128"),
        ("Password1234", "too easy to guess"),
        ("PASSWORDPASSWORD", "too easy to guess"),
        ("abababababab", "too easy to guess"),
        ("abcdefghijklmn", "too easy to guess"),
        ("987654321098", "too easy to guess"),
        ("anna.meier-2026", "too easy to guess"),
        ("simsvc is great", "too easy to guess"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str, says: str) -> None:
    """Short, long, common, repeated, sequential, and holding the name or the service's."""
    with pytest.raises(PasswordRefused, match=says):
        check_password(password, "Anna.Meier")


def test_the_list_holds_only_what_the_length_lets_through() -> None:
    """A word that is too short anyway would be dead weight; every word is folded."""
    assert all(len(word) >= LEAST_CHARACTERS for word in COMMON)
    assert all(word == name_key(word) for word in COMMON)


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\x00b", "a\nb"])
def test_a_name_can_be_seen(name: str) -> None:
    """Empty, long and invisible names are refused."""
    with pytest.raises(NameRefused):
        checked_name(name)


def test_names_that_look_alike_are_one() -> None:
    """Case, width and surrounding blanks do not make another name."""
    assert name_key(" \uff21nna ") == name_key("ANNA") == "anna"
    assert checked_name("  Zoë 王 ") == "Zoë 王"


def test_the_lock_grows_to_an_hour_and_no_further() -> None:
    """Four failures are free; then one minute, doubling."""
    assert [lock_after(n) for n in (0, 4)] == [None, None]
    assert [lock_after(n) for n in (5, 6, 7)] == [timedelta(minutes=m) for m in (1, 2, 4)]
    assert lock_after(12) == timedelta(hours=1)


@given(st.integers(5, 10**9))
def test_the_lock_never_shrinks(failed: int) -> None:
    """More failures never mean a shorter lock, and none lasts for good."""
    now, later = lock_after(failed), lock_after(failed + 1)
    assert now is not None
    assert later is not None
    assert now <= later <= timedelta(hours=1)
