"""Pages packed by gzip: long lists are sent in a tenth of their bytes."""

from __future__ import annotations

import gzip
import io
import secrets

from flask import Flask, Response, request

LEAST_BYTES = 1_000
"""Below it, a page fits into one packet as it is."""
LEVEL = 5
"""Beyond it, zlib takes longer for hardly fewer bytes."""
MOST_PADDING = 100
"""Bytes that a packed page has more, at random, so that its size hardly tells of the form token in it.
Source: Django's `GZipMiddleware`, which does so against the BREACH attack."""


def register(app: Flask) -> None:
    """Pack pages for clients that accept it."""
    app.after_request(_packed)


def _packed(response: Response) -> Response:
    if response.mimetype != "text/html" or response.is_streamed or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    page = response.get_data()
    if len(page) >= LEAST_BYTES and request.accept_encodings["gzip"]:
        response.set_data(pack(page))
        response.content_encoding = "gzip"
    return response


def pack(page: bytes) -> bytes:
    """Return a page packed by gzip, the name in its header of a random length."""
    padding = "x" * (1 + secrets.randbelow(MOST_PADDING))
    packed = io.BytesIO()
    with gzip.GzipFile(padding, "wb", LEVEL, packed, mtime=0) as file:
        file.write(page)
    return packed.getvalue()
