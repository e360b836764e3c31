from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.accounts.tokens import checked_draft, read_token, same_secret, secret_sha256, token_text
from simsvc.errors import TokenDraftRefused

SECRET = "A" * 43


def test_a_token_is_read_as_it_was_written() -> None:
    """Id and secret come back from the text."""
    assert read_token(token_text("0123456789ab", SECRET)) == ("0123456789ab", SECRET)


@given(st.text(max_size=80))
def test_other_text_is_no_token(text: str) -> None:
    """Nothing that lacks the form is taken for a token, and nothing fails."""
    assert read_token(text) is None


def test_only_the_sha256_of_a_secret_is_kept() -> None:
    """What is kept is the plain SHA-256 of a secret of 256 bits."""
    assert secret_sha256(SECRET) == hashlib.sha256(SECRET.encode()).hexdigest()


def test_a_secret_is_compared_whole() -> None:
    """The right one passes; another one, a beginning of it and one of no token do not."""
    kept = secret_sha256(SECRET)
    assert same_secret(SECRET, kept)
    assert not any((same_secret(SECRET[:-1], kept), same_secret("B" * 43, kept), same_secret("", None)))


def test_a_draft_is_tidied() -> None:
    """Blanks are tidied and scopes come in their own order, once."""
    draft = checked_draft("  audit   tool ", ["audit", "estimate", "audit"], " 30 ")
    assert (draft.name, draft.scopes, draft.days) == ("audit tool", ("estimate", "audit"), 30)


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", ["audit"], "1"),
        ("x" * 65, ["audit"], "1"),
        ("a\x00b", ["audit"], "1"),
        ("a", [], "1"),
        ("a", ["root"], "1"),
        ("a", ["audit"], "0"),
        ("a", ["audit"], "367"),
        ("a", ["audit"], "ten"),
        ("a", ["audit"], "٣"),
    ],
)
def test_a_token_that_cannot_be_is_refused(name: str, scopes: list[str], days: str) -> None:
    """A missing name, an unknown scope and an odd number of days are each refused in words."""
    with pytest.raises(TokenDraftRefused, match="try again"):
        checked_draft(name, scopes, days)
