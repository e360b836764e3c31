"""Fernet: AES-128-CBC and HMAC-SHA-256 over the whole; the first key encrypts, every key decrypts."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from simsvc.errors import PhotoLocked


class FernetCipher:
    """Cipher port. Source: the Fernet specification, https://github.com/fernet/spec."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take at least one key; the first one encrypts."""
        self._keys = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, photo: bytes) -> bytes:
        """Encrypt a photo with the first key."""
        return self._keys.encrypt(photo)

    def decrypt(self, token: bytes) -> bytes:
        """Decrypt a photo; raises PhotoLocked if no key fits or the data changed."""
        try:
            return self._keys.decrypt(token)
        except InvalidToken:
            raise PhotoLocked("other_key") from None

    def rotate(self, token: bytes) -> bytes:
        """Re-encrypt a photo with the first key; raises PhotoLocked if no key fits or the data changed."""
        try:
            return self._keys.rotate(token)
        except InvalidToken:
            raise PhotoLocked("other_key") from None


def new_key() -> str:
    """Return a new random key."""
    return Fernet.generate_key().decode()
