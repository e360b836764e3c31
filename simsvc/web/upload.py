"""The photo in a request."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, request

from simsvc.errors import NotMultipart, PhotoMissing, PhotosRefused

FIELD = "photo"
LONGEST_NAME = 120
SEVERAL = ("pages.create", "api_estimates.create_batch")
MOST_PARTS = 48
"""Photos and fields of such a form."""
MOST_PHOTOS = 8
"""Photos of one upload: they are judged one after another while the browser waits; a choice."""
DRAIN_BYTES = 100_000_000
"""How much of an oversized upload is read and thrown away, so that the browser gets to read the answer: one
that is still sending when the connection closes shows a network error instead."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded photo: its bytes, and what the client calls it."""

    data: bytes
    name: str


def uploaded_photo() -> Upload:
    """Return the photo that came with the form at hand.

    Raises:
        NotMultipart: the request is no form with files.
        PhotoMissing: the form has no photo.
    """
    if request.mimetype != "multipart/form-data":
        raise NotMultipart("Send the photo as the file `photo` of a multipart/form-data request.")
    part = request.files.get(FIELD)
    if part is None or not part.filename:
        raise PhotoMissing("No photo came with the request. Choose a photo and send it again.")
    return Upload(part.read(), shown_name(part.filename))


def uploaded_photos(case: str | None) -> list[Upload]:
    """Return the photos that came with the form at hand, in its order.

    Raises:
        NotMultipart: the request is no form with files.
        PhotoMissing: the form has no photo.
        PhotosRefused: there are too many, or several of no case.
    """
    first = uploaded_photo()
    parts = [part for part in request.files.getlist(FIELD)[1:] if part.filename]
    if len(parts) >= MOST_PHOTOS:
        raise PhotosRefused(f"At most {MOST_PHOTOS} photos are taken at once. Send them in several parts.")
    if parts and case is None:
        raise PhotosRefused(
            "Several photos at once belong to one case. Write its reference, or choose a single photo."
        )
    return [first, *(Upload(part.read(), shown_name(part.filename or "")) for part in parts)]


def register(app: Flask) -> None:
    """Let the desk's form be as long as several photos; call it before anything reads forms."""
    app.before_request(_allow_several)


def _allow_several() -> None:
    if request.endpoint in SEVERAL and request.max_content_length is not None:
        request.max_content_length *= MOST_PHOTOS
        request.max_form_parts = MOST_PARTS


def drain() -> None:
    """Read what a client still sends, and throw it away."""
    stream = request.environ["wsgi.input"]
    left = min(request.content_length or 0, DRAIN_BYTES)
    try:
        while left > 0 and (piece := stream.read(min(left, 1 << 20))):
            left -= len(piece)
    except OSError:
        return  # the client has gone: nobody reads the answer


def shown_name(filename: str) -> str:
    """Return a client's file name without folders and characters that cannot be shown."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in last if character.isprintable()).strip()
    return name[-LONGEST_NAME:] or "photo"
