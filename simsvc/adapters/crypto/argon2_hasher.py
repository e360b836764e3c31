"""Passwords through Argon2id."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY


class Argon2Hasher:
    """Hasher port through argon2-cffi, with the parameters of RFC 9106, section 4, second choice (64 MiB)."""

    def __init__(self) -> None:
        self._argon2 = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return a salted hash in argon2's own encoding."""
        return self._argon2.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Verify a password, with equal work if there is no hash.

        Source: OWASP Authentication Cheat Sheet, "Authentication and Error Messages": a quick answer would
        reveal which accounts exist.
        """
        known = password_hash is not None
        try:
            matches = self._argon2.verify(password_hash or self._hash_of_nobody(), password)
        except (VerificationError, InvalidHashError):
            return False
        return known and matches

    def outdated(self, password_hash: str) -> bool:
        """Return whether the hash has outdated parameters."""
        return self._argon2.check_needs_rehash(password_hash)

    def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = self._argon2.hash("no account has this hash")
        return self._nobody
