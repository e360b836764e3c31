"""The photo in a request."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from simsvc.errors import NotMultipart, PhotoMissing

FIELD = "photo"
LONGEST_NAME = 120


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


def shown_name(filename: str) -> str:
    """Return a client's file name without folders and characters that cannot be shown."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in last if character.isprintable()).strip()
    return name[-LONGEST_NAME:] or "photo"
