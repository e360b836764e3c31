"""Remove text chunks from a PNG that are too long for Pillow."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_TEXT_BYTES = 1_000_000
"""Maximum of one chunk, unpacked. Pillow refuses files with a chunk over 1,048,576."""
MOST_TEXTS_BYTES = 8_000_000
"""Maximum of all chunks: unpacking takes some 3 ns a byte. Pillow refuses files above 67 million."""
MOST_CHUNKS = 100_000
"""Maximum chunks read. Encoders put at least 8 KB into one, 3,000 in the largest file."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a PNG: its name of four letters, position of its length field, and size of its data."""

    name: bytes
    at: int
    size: int

    @property
    def end(self) -> int:
        """Position of the next chunk."""
        return self.at + 12 + self.size

    def body(self, png: bytes) -> bytes:
        """Return its data."""
        return png[self.at + 8 : self.at + 8 + self.size]


def chunks_of_png(png: bytes) -> Iterator[Chunk]:
    """Yield the complete chunks of a PNG. Source: PNG (Third Edition), section 5.3."""
    at = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        size = int.from_bytes(png[at : at + 4])
        chunk = Chunk(png[at + 4 : at + 8], at, size)
        if len(png) < chunk.end:
            return
        yield chunk
        at = chunk.end


def without_long_texts(png: bytes) -> bytes:
    """Return a PNG without oversized text, EXIF and profiles; the same bytes if it has none."""
    if not png.startswith(SIGNATURE):
        return png
    dropped: list[Chunk] = []
    left = MOST_TEXTS_BYTES
    for chunk in chunks_of_png(png):
        if chunk.name in {b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"}:
            size = _unpacked_bytes(chunk, png, min(left, MOST_TEXT_BYTES))
            if size is None:
                dropped.append(chunk)
            else:
                left -= size
    return _without(png, dropped) if dropped else png


def _without(png: bytes, dropped: list[Chunk]) -> bytes:
    pieces, at = [], 0
    for chunk in dropped:
        pieces.append(png[at : chunk.at])
        at = chunk.end
    return b"".join((*pieces, png[at:]))


def _unpacked_bytes(chunk: Chunk, png: bytes, most: int) -> int | None:
    """Return the unpacked length of a chunk's data, or None above `most`."""
    packed = _packed(chunk, png)
    if packed is None:
        return chunk.size if chunk.size <= most else None
    if most <= 0 or len(packed) > most:
        return None
    try:
        unpacker = zlib.decompressobj()
        size = len(unpacker.decompress(packed, most + 1))
    except zlib.error:
        return 0  # Pillow finds it too and reads on
    return size if size <= most else None


def _packed(chunk: Chunk, png: bytes) -> bytes | None:
    if chunk.name not in {b"zTXt", b"iTXt", b"iCCP"}:
        return None
    _, _, rest = chunk.body(png).partition(b"\x00")
    if chunk.name != b"iTXt":
        return rest[1:]
    if rest[:1] != b"\x01":
        return None
    return rest[2:].partition(b"\x00")[2].partition(b"\x00")[2]
