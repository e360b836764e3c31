"""Signed notes and verifier keys, with Ed25519.

Source: https://c2sp.org/signed-note and, for cosignatures of witnesses, https://c2sp.org/tlog-cosignature;
the limit on signatures is that of golang.org/x/mod/sumdb/note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from simsvc.errors import NoteRefused, VerifierKeyRefused

ED25519 = 1
"""Type of a plain signature."""
COSIGNATURE = 4
"""Type of a witness's signature, which says when the witness saw the checkpoint."""
MOST_SIGNATURES = 100
PUBLIC_BYTES = 32
ID_BYTES = 4
TIME_BYTES = 8
"""Of a cosignature: seconds since 1970, big-endian."""
_LEAD = "\u2014 "
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f]")

Sign = Callable[[bytes], bytes]
"""Returns the Ed25519 signature of a message."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key and the name that it signs under; as text, it is what C2SP calls a vkey."""

    name: str
    public: bytes
    algorithm: int = ED25519

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, algorithm and public key."""
        covered = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return hashlib.sha256(covered).digest()[:ID_BYTES]

    @property
    def label(self) -> str:
        """Name and id, as messages say them."""
        return f"{self.name}+{self.key_id.hex()}"

    def __str__(self) -> str:
        """Return the vkey."""
        return f"{self.label}+{_encoded(bytes([self.algorithm]) + self.public)}"

    def verifies(self, text: str, data: bytes) -> bool:
        """Return whether these bytes are this key's signature of a note's text."""
        message, signature = text.encode(), data
        if self.algorithm == COSIGNATURE:
            message, signature = cosigned(text, cosigned_at(data)), data[TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: who signed, by name and key id, and the signature itself."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        """Return the line."""
        return f"{_LEAD}{self.name} {_encoded(self.key_id + self.data)}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text, which ends with a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """Return the signed note."""
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def by(self, key: VerifierKey) -> Signature | None:
        """Return a key's signature, which may be wrong, or None."""
        wanted = (key.name, key.key_id)
        return next((found for found in self.signatures if (found.name, found.key_id) == wanted), None)


def parse_vkey(text: str) -> VerifierKey:
    """Return the key that a vkey says.

    Raises:
        VerifierKeyRefused: it is not one, or of a kind that simsvc does not know.
    """
    name, _, rest = text.strip("\n").partition("+")
    hexed, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if (
        not is_name(name)
        or raw is None
        or len(raw) != 1 + PUBLIC_BYTES
        or raw[0] not in {ED25519, COSIGNATURE}
    ):
        raise VerifierKeyRefused()
    key = VerifierKey(name, raw[1:], raw[0])
    if hexed != key.key_id.hex():
        raise VerifierKeyRefused()
    return key


def is_name(name: str) -> bool:
    """Return whether a key may have this name."""
    return bool(name) and "+" not in name and name.split() == [name] and not _FORBIDDEN.search(name)


def sign_note(text: str, signers: Iterable[tuple[VerifierKey, Sign]]) -> SignedNote:
    """Return a note signed by these keys, in this order.

    Raises:
        NoteRefused: the text cannot be that of a note.
    """
    if not text.endswith("\n") or _FORBIDDEN.search(text):
        raise NoteRefused("malformed")
    signed = (Signature(key.name, key.key_id, sign(text.encode())) for key, sign in signers)
    return SignedNote(text, tuple(signed))


def parse_note(note: str | bytes) -> SignedNote:
    """Return a signed note, whose signatures are not verified.

    Raises:
        NoteRefused: it is not one.
    """
    try:
        whole = note.decode() if isinstance(note, bytes) else note
        whole.encode()
    except UnicodeError:
        raise NoteRefused("malformed") from None
    text, separator, lines = whole.rpartition("\n\n")
    framed = separator and lines.endswith("\n") and lines.count("\n") <= MOST_SIGNATURES
    if not framed or _FORBIDDEN.search(whole):
        raise NoteRefused("malformed")
    return SignedNote(f"{text}\n", tuple(dict.fromkeys(map(_signature, lines[:-1].split("\n")))))


def verify_note(note: SignedNote, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return those of the keys that signed a note, in the order of the signatures; ignore unknown keys.

    Raises:
        NoteRefused: a signature by one of the keys is wrong, or there is none.
    """
    known: dict[tuple[str, bytes], set[VerifierKey]] = {}
    for key in keys:
        known.setdefault((key.name, key.key_id), set()).add(key)
    verified: dict[VerifierKey, None] = {}
    for signature in note.signatures:
        named = known.get((signature.name, signature.key_id), set())
        if len(named) > 1:
            raise NoteRefused("ambiguous", key=next(iter(named)).label)
        for key in named - verified.keys():
            if not key.verifies(note.text, signature.data):
                raise NoteRefused("signature", key=key.label)
            verified[key] = None
    if not verified:
        raise NoteRefused("unsigned")
    return tuple(verified)


def cosigned(text: str, seconds: int) -> bytes:
    """Return the message that a witness signs: a note's text and when it was seen, in seconds since 1970."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosigned_at(data: bytes) -> int:
    """Return when a witness signed, in seconds since 1970, as its signature says."""
    return int.from_bytes(data[:TIME_BYTES], "big")


def _signature(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(_LEAD).partition(" ")
    raw = _decoded(encoded)
    if (
        not line.startswith(_LEAD)
        or not separator
        or not is_name(name)
        or raw is None
        or len(raw) <= ID_BYTES
    ):
        raise NoteRefused("malformed")
    return Signature(name, raw[:ID_BYTES], raw[ID_BYTES:])


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes | None:
    """Return the bytes that a text in base64 says; None if it is not in the one form that encoding gives."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _encoded(raw) == text else None
