"""Photos cheap enough to decode in this process."""

from __future__ import annotations

from simsvc.domain.files.ifd import declared_bytes
from simsvc.domain.files.jpeg_header import ORDINARY, JpegHeader, count_scans, jpeg_header
from simsvc.domain.files.png_chunks import SIGNATURE, chunks_of_png

CHEAP_JPEG_PIXELS = 17_000_000
"""Of a JPEG: 12 megapixels take 0.06 s and 30 MB, and entropy coding cannot make that more than threefold."""
CHEAP_SCANNED_PIXELS = 200_000_000
"""Pixels of a JPEG times its scans, of several: 12 megapixels by libjpeg's 10 scans take 0.11 s."""
CHEAP_SCANNED_BYTES = 8_000_000
"""Of such a JPEG: 18 MB of noise take 0.5 s."""
CHEAP_SCANS = 64
"""Of a JPEG of any size."""
CHEAP_PNG_PIXELS = 4_200_000
"""Of a PNG without interlacing: 0.08 s and 25 MB."""
CHEAP_PROFILE_BYTES = 8_192
"""Of a colour profile: those of screens and cameras, which are a matrix and curves, have 0.4 to 4 KB."""
CHEAP_METADATA_BYTES = 1_000_000
"""That EXIF may unfold to: cameras' have less than 64 KB, which the format itself sets as the limit."""
MOST_CHUNKS = 4_000


def is_cheap(data: bytes) -> bool:
    """Return whether decoding is certain to need little time and memory; 30 us for a JPEG of one scan."""
    if data.startswith(SIGNATURE):
        return _cheap_png(data)
    header = jpeg_header(data)
    return header is not None and _cheap_jpeg(data, header)


def _cheap_jpeg(data: bytes, header: JpegHeader) -> bool:
    pixels = header.width_px * header.height_px
    if header.frame not in ORDINARY or header.bits != 8 or not 0 < pixels <= CHEAP_JPEG_PIXELS:
        return False
    if header.icc_bytes > CHEAP_PROFILE_BYTES or header.metadata_bytes > CHEAP_METADATA_BYTES:
        return False
    if not header.several_scans:
        return True
    most = min(CHEAP_SCANS, CHEAP_SCANNED_PIXELS // pixels)
    return len(data) <= CHEAP_SCANNED_BYTES and count_scans(data, header.scans_at, most + 1) <= most


def _cheap_png(data: bytes) -> bool:
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    if width * height > CHEAP_PNG_PIXELS or data[28:29] != b"\x00":  # interlaced
        return False
    for seen, chunk in enumerate(chunks_of_png(data)):
        if seen >= MOST_CHUNKS or (chunk.name == b"iCCP" and chunk.size > CHEAP_PROFILE_BYTES):
            return False
        if chunk.name == b"eXIf" and declared_bytes(chunk.body(data)) > CHEAP_METADATA_BYTES:
            return False
    return True
