"""The key that signs the log, in a file outside the database: PKCS#8 in PEM, mode 0600."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from simsvc.adapters.ops.atomic_files import sync
from simsvc.errors import LogKeyRefused

NEXT, RETIRED, ASIDE = ".next", ".retired", ".aside"
"""Endings of the file of a key that will be used, of one that is being destroyed, and of one laid aside."""


class LogKeyFile:
    """The key file. A key is its public part and what signs with the private one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The file, as messages name it."""
        return str(self._path)

    def exists(self) -> bool:
        """Return whether there is a key file."""
        return self._path.exists()

    def read(self) -> tuple[bytes, LogSign]:
        """Return public key and signer; raises LogKeyRefused."""
        return self._read(self._path)

    def create(self) -> None:
        """Make a key, unless there is one; raises LogKeyRefused."""
        with self._writing():
            fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _write(fresh)
            with suppress(FileExistsError):  # another process was first
                self._path.hardlink_to(fresh)
            fresh.unlink()
            sync(self._path.parent)

    def prepare(self) -> tuple[bytes, LogSign]:
        """Make the next key beside the one in use, and return it; raises LogKeyRefused."""
        following = self._beside(NEXT)
        with self._writing():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            following.unlink(missing_ok=True)
            _write(following)
            sync(following.parent)
        return self._read(following)

    def prepared(self) -> bytes | None:
        """Return the public part of the next key, or None if there is none that can be used."""
        try:
            return self._read(self._beside(NEXT))[0]
        except LogKeyRefused:
            return None

    def replace(self, *, destroy: bool = True) -> None:
        """Put the next key in the place of the one in use, which is overwritten, or else laid aside.

        Raises LogKeyRefused.
        """
        retired = self._beside(RETIRED if destroy else ASIDE)
        with self._writing():
            if self._path.exists():
                self._path.rename(retired)
            self._beside(NEXT).rename(self._path)
            sync(self._path.parent)
            if destroy and retired.exists():
                with retired.open("r+b") as file:
                    file.write(bytes(retired.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                retired.unlink()

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(f"{self._path.name}{ending}")

    def _read(self, path: Path) -> tuple[bytes, LogSign]:
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            raise LogKeyRefused("missing", file=self.name) from None
        except OSError as error:
            raise LogKeyRefused("unreadable", file=str(path), problem=str(error.strerror)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise LogKeyRefused("damaged", file=str(path)) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise LogKeyRefused("damaged", file=str(path))
        return key.public_key().public_bytes_raw(), LogSign(key)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LogKeyRefused("unreadable", file=self.name, problem=str(error.strerror)) from error


class LogSign:
    """Signs with a private key, which is never shown."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def __call__(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        return self._key.sign(message)


def _write(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
