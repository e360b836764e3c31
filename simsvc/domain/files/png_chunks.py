"""A PNG's chunks: those of text, which nobody looks at, are left out where they are too long to be read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_TEXT_BYTES = 1_000_000
"""Of one chunk, unpacked. Pillow refuses the whole file where a chunk has more than 1,048,576."""
MOST_TEXTS_BYTES = 8_000_000
"""Of all of them: unpacking takes some 3 ns a byte. Pillow refuses the file above 67 million."""
MOST_CHUNKS = 100_000
"""That are looked at. Encoders put at least 8 KB into one, which are 3,000 in the largest file."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a PNG.

    Attributes:
        name: of four letters.
        at: where it stands, its length included.
        size: of its data.
    """

    name: bytes
    at: int
    size: int

    @property
    def end(self) -> int:
        """Where the next one stands."""
        return self.at + 12 + self.size

    def body(self, png: bytes) -> bytes:
        """Return its data."""
        return png[self.at + 8 : self.at + 8 + self.size]


def chunks_of_png(png: bytes) -> Iterator[Chunk]:
    """Give the chunks of a PNG as far as they are whole. Source: PNG (Third Edition), section 5.3."""
    at = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        size = int.from_bytes(png[at : at + 4])
        chunk = Chunk(png[at + 4 : at + 8], at, size)
        if len(png) < chunk.end:
            return
        yield chunk
        at = chunk.end


def without_long_texts(png: bytes) -> bytes:
    """Return a PNG without texts, EXIF and profiles that are longer than any photo's.

    The pixels are as they were. The very file comes back where there is nothing to leave out.
    """
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
    """Return the length of a chunk's data, unpacked, or None where that is above `most`."""
    packed = _packed(chunk, png)
    if packed is None:
        return chunk.size if chunk.size <= most else None
    if most <= 0 or len(packed) > most:
        return None
    try:
        unpacker = zlib.decompressobj()
        size = len(unpacker.decompress(packed, most + 1))
    except zlib.error:
        return 0  # which Pillow finds as well, and reads on
    return size if size <= most else None


def _packed(chunk: Chunk, png: bytes) -> bytes | None:
    """Return the packed part of a chunk's data, or None where it is not packed."""
    if chunk.name not in {b"zTXt", b"iTXt", b"iCCP"}:
        return None
    _, _, rest = chunk.body(png).partition(b"\x00")
    if chunk.name != b"iTXt":
        return rest[1:]
    if rest[:1] != b"\x01":
        return None
    return rest[2:].partition(b"\x00")[2].partition(b"\x00")[2]
