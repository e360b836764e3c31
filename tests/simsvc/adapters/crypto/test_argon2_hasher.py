from __future__ import annotations

from argon2 import PasswordHasher

from simsvc.adapters.crypto.argon2_hasher import Argon2Hasher


def test_a_password_is_known_by_its_hash_only() -> None:
    """The right password verifies, another does not, and the hash is Argon2id with a salt of its own."""
    hasher = Argon2Hasher()
    first, second = hasher.hash("seven grey herons"), hasher.hash("seven grey herons")
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert hasher.verify(first, "seven grey herons")
    assert not hasher.verify(first, "Seven grey herons")


def test_without_a_hash_the_work_is_done_and_the_answer_is_no() -> None:
    """No password opens an account that has none, not even the one that stands in for it."""
    hasher = Argon2Hasher()
    assert not hasher.verify(None, "no account has this hash")
    assert not hasher.verify("not a hash", "x")


def test_a_weaker_hash_is_outdated() -> None:
    """A hash of cheaper parameters is to be replaced, one of ours is not."""
    hasher = Argon2Hasher()
    assert hasher.outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
    assert not hasher.outdated(hasher.hash("x"))
