"""Forms that make something: one sent twice makes it once, and what may be shown once is shown once.

A form carries a random key. The same form with the same content, sent again by a double click, a reload or a
slow network, is answered with what it made before. A secret that it made waits, encrypted, for the page that
the answer redirects to: reloading that page neither makes nor shows another.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from flask import Flask, request

from simsvc.adapters.crypto.fernet_cipher import FernetCipher
from simsvc.errors import KeyTaken, PhotoLocked
from simsvc.web.http.current import person, services
from simsvc.web.http.kept_form import NOT_TYPED

FIELD = "form_key"
KEY_BYTES = 16
"""128 bits: no two forms ever get the same key by chance."""
NOT_CONTENT = (FIELD, *NOT_TYPED)
"""Fields that may differ between two sendings of the same form: a new session brings a new token."""
PATIENCE_S = 20.0
"""How long the second of two equal forms waits for the answer to the first, as a photo waits for its turn."""
LOOK_EVERY_S = 0.05
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """What a form made: its public id, and what of it may be shown once."""

    id: str
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a form made, now or before, and the reference under which its secret is shown once."""

    id: str
    reference: str


def register(app: Flask) -> None:
    """Let templates give every form a key."""
    app.add_template_global(form_key)


def form_key() -> str:
    """Return a fresh random key for a form."""
    return secrets.token_urlsafe(KEY_BYTES)


def once(make: Callable[[], Made]) -> Answered:
    """Make what the form at hand asks for, or return what the same form made before.

    Raises:
        KeyTaken: the same form is still being answered.
        StoreError: the database cannot be used.
    """
    forms, asker, key, now = services().sent_forms, person().id, _reference(), services().now
    before = forms.claim(asker, key, now())
    if before is not None:
        return Answered(before.made or _waited_for(asker, key), key)
    try:
        made = make()
    except BaseException:
        forms.release(asker, key)
        raise
    forms.settle(asker, key, made.id, _cipher().encrypt(made.secret.encode()) if made.secret else None)
    return Answered(made.id, key)


def shown_once(reference: str) -> str | None:
    """Return the secret that a form of this person made, and forget it; None where it was shown already."""
    if request.method != "GET" or not reference:
        return None
    sealed = services().sent_forms.take_secret(person().id, reference, services().now())
    try:
        return _cipher().decrypt(sealed).decode() if sealed else None
    except PhotoLocked:  # SECRET_KEY is another one by now
        return None


def made_by(reference: str) -> str | None:
    """Return the public id of what a form of this person made, or None."""
    sent = services().sent_forms.made(person().id, reference) if reference else None
    return sent.made if sent else None


def _reference() -> str:
    """Return the hash of the form's key and all that it holds; a form without a key is like no other."""
    key = request.form.get(FIELD) or form_key()
    fields = [pair for pair in request.form.items(multi=True) if pair[0] not in NOT_CONTENT]
    files = [(name, part.filename, _sha256(part.stream)) for name, part in request.files.items(multi=True)]
    text = json.dumps([key, request.path, sorted(fields), files])
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    while piece := stream.read(PIECE_BYTES):
        digest.update(piece)
    stream.seek(0)
    return digest.hexdigest()


def _waited_for(asker: str, key: str) -> str:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
        sent = services().sent_forms.made(asker, key)
        if sent is None:
            break  # the first one made nothing: let this one be sent again
        if sent.made is not None:
            return sent.made
    raise KeyTaken("form")


def _cipher() -> FernetCipher:
    """Return the cipher of secrets that wait to be shown; its key is derived from that of the sessions."""
    return services().derived_cipher(b"simsvc: shown once")
