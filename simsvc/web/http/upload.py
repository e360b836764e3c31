"""The photo in a request."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import IO, Literal, cast

from flask import Flask, Request, request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from simsvc.adapters.photos.upload_spool import UploadSpool
from simsvc.errors import NotMultipart, PhotoMissing, PhotosRefused

FIELD = "photo"
FORM = "multipart/form-data"
LONGEST_NAME = 120
ONE_PHOTO = (
    "pages.preview",
    "api_estimates.create",
    "api_replays.create",
    "api_faces.add",
    "replays.create",
    "imports.add",
)
SEVERAL = ("pages.create", "api_estimates.create_batch")
MOST_PARTS = 48
MOST_PHOTOS = 8
"""Photos of one upload: they are judged one after another while the browser waits."""
DRAIN_BYTES = 100_000_000
"""How much of an oversized upload is read and thrown away, so that the browser gets to read the answer: one
that is still sending when the connection closes shows a network error instead."""

Refusal = Literal["too_large", "too_slow", "crowded", "not_admitted"]
"""Why the server did not receive a body; `web.traffic.body_size` has a sentence for each."""
REFUSAL = "simsvc.refusal"
"""Where that stands in the WSGI environment."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded photo and what the client calls it; it is read when it is judged, one of many at a time."""

    file: IO[bytes]
    name: str

    @property
    def data(self) -> bytes:
        """Return its bytes, read anew each time."""
        self.file.seek(0)
        return self.file.read()


class BareParser(FormDataParser):
    """Reads a body that is a photo as a form of this one file, under the same limits."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        """Return what is left of the body, its fields and its files."""
        if not _is_photo(mimetype):
            return super().parse(stream, mimetype, content_length, options)
        photo = self.stream_factory(content_length, mimetype, FIELD)
        shutil.copyfileobj(stream, photo)
        photo.seek(0)
        return stream, self.cls(), self.cls([(FIELD, FileStorage(photo, FIELD, FIELD))])


class PhotoRequest(Request):
    """A request whose body may be a photo; whether a view takes such a one is for the view to say."""

    form_data_parser_class = BareParser
    spool: UploadSpool | None = None
    """Takes the files of a form that has many of them; set before anything reads it."""
    _form_error: Exception | None = None

    def _load_form_data(self) -> None:
        """Read the form once: whoever asks again gets the same error, not one about the rest of the body."""
        if self._form_error is not None:
            raise self._form_error
        try:
            super()._load_form_data()
        except Exception as error:
            self._form_error = error
            raise

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Return where a file is written to as it comes in; Werkzeug keeps up to 500 kB of each in memory."""
        if self.spool is not None:
            return cast("IO[bytes]", self.spool.part())
        return super()._get_file_stream(total_content_length, content_type, filename, content_length)


def uploaded_photo(*, bare: bool = False) -> Upload:
    """Return the photo that came with the form at hand; with `bare`, the body may be the photo itself.

    Raises:
        NotMultipart: the request is no form with files.
        PhotoMissing: the form has no photo.
    """
    form = request.mimetype == FORM
    if not form and not bare:
        raise NotMultipart("photo")
    if not form and not _is_photo(request.mimetype):
        raise NotMultipart("photo_or_body")
    part = request.files.get(FIELD)
    if part is None or not part.filename:
        raise PhotoMissing("upload")
    return Upload(part.stream, shown_name(part.filename))


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
        raise PhotosRefused("upload", most=MOST_PHOTOS)
    if parts and case is None:
        raise PhotosRefused("no_case")
    return [first, *(Upload(part.stream, shown_name(part.filename or "")) for part in parts)]


def register(app: Flask) -> None:
    """Read a body that is a photo, too."""
    app.request_class = PhotoRequest


def _is_photo(mimetype: str) -> bool:
    return mimetype.startswith("image/")


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
