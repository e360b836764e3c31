"""Photo files made for tests, among them some that ask for far more than they hold."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

TYPES = {1: "B", 2: "B", 3: "H", 4: "I"}
Tag = tuple[int, int, int | Sequence[int]]
"""Number, type and values of a TIFF's tag."""
ZEROS = zlib.compress(bytes(100_000))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def waves(width_px: int = 160, height_px: int = 120, seed: int = 0) -> Image.Image:
    """A soft picture of many colours without any symmetry; another seed gives another one."""
    step, turn = np.float32(2 * np.pi / max(width_px, height_px)), np.float32(1.7 * seed)
    y, x = (np.arange(side_px, dtype=np.float32) * step for side_px in (height_px, width_px))
    pixels = np.empty((height_px, width_px, 3), np.uint8)
    pixels[..., 0] = 128 + 100 * np.sin(2 * x + turn)
    pixels[..., 1] = 128 + 100 * np.cos(y[:, None] + x + 2 * turn)
    pixels[..., 2] = 128 + 100 * np.sin(3 * y[:, None] - x + turn)
    return Image.fromarray(pixels)


def tiff(pages: Sequence[Sequence[Tag]], payload: bytes = b"", below: Sequence[Tag] | None = None) -> bytes:
    """Write directories one behind another; a value of -1 is where the payload begins.

    `below` is a directory that the first one names as its SubIFD.
    """
    start = len(payload) + 8
    all_pages = [list(page) for page in pages]
    if below is not None:
        all_pages[0].append((330, 4, start))
    body = b""
    if below is not None:
        body += _directory(below, start, 0)
    for number, page in enumerate(all_pages):
        at = start + len(body)
        size = len(_directory(page, at, 0))
        following = at + size if number + 1 < len(all_pages) else 0
        body += _directory(page, at, following)
    first = start + (len(_directory(below, start, 0)) if below is not None else 0)
    return b"II*\0" + struct.pack("<I", first) + payload + body


def _directory(tags: Sequence[Tag], at: int, following: int) -> bytes:
    table, values = struct.pack("<H", len(tags)), b""
    values_at = at + 2 + 12 * len(tags) + 4
    for tag, kind, said in sorted(tags, key=lambda entry: entry[0]):
        listed = [8 if value == -1 else value for value in ([said] if isinstance(said, int) else said)]
        raw = struct.pack(f"<{len(listed)}{TYPES[kind]}", *listed)
        table += struct.pack("<HHI", tag, kind, len(listed))
        if len(raw) <= 4:
            table += raw.ljust(4, b"\0")
        else:
            table += struct.pack("<I", values_at + len(values))
            values += raw
    return table + struct.pack("<I", following) + values


def page(picture: Image.Image, *more: Tag) -> list[Tag]:
    """Return the tags of an uncompressed RGB picture in one strip, which is the file's payload."""
    width, height = picture.size
    size = width * height * 3
    said = [
        (256, 4, width), (257, 4, height), (258, 3, [8, 8, 8]), (259, 3, 1), (262, 3, 2), (273, 4, -1),
        (277, 3, 3), (278, 4, height), (279, 4, size), *more,
    ]  # fmt: skip
    return list({tag[0]: tag for tag in said}.values())


def tiles(size_px: tuple[int, int], tile_px: tuple[int, int], packing: int, **more: int) -> bytes:
    """Return a TIFF of tiles, all of which have the same packed bytes."""
    samples, bits, planes = more.get("samples", 1), more.get("bits", 8), more.get("planes", 1)
    count = -(-size_px[0] // tile_px[0]) * -(-size_px[1] // tile_px[1]) * (samples if planes == 2 else 1)
    tags: list[Tag] = [
        (256, 4, size_px[0]), (257, 4, size_px[1]), (258, 3, [bits] * min(samples, 8)), (259, 3, packing),
        (262, 3, 2 if samples > 2 else 1), (277, 3, samples), (284, 3, planes), (322, 4, tile_px[0]),
        (323, 4, tile_px[1]), (324, 4, [-1] * count), (325, 4, [len(ZEROS)] * count),
    ]  # fmt: skip
    return tiff([tags], ZEROS)


def strips(size_px: tuple[int, int], rows: int, packing: int, payload: bytes, **more: int) -> bytes:
    """Return a TIFF of strips, all of which have the same packed bytes."""
    samples, bits, planes = more.get("samples", 1), more.get("bits", 8), more.get("planes", 1)
    count = max(1, -(-size_px[1] // rows)) * (samples if planes == 2 else 1)
    tags: list[Tag] = [
        (256, 4, size_px[0]), (257, 4, size_px[1]), (258, 3, [bits] * min(samples, 8)), (259, 3, packing),
        (262, 3, 2 if samples > 2 else 1), (273, 4, [-1] * count), (277, 3, samples), (278, 4, rows),
        (279, 4, [len(payload)] * count), (284, 3, planes),
    ]  # fmt: skip
    return tiff([tags], payload)


def scans(width_px: int, height_px: int, more: int, between: bytes = b"") -> bytes:
    """Return a progressive grey JPEG whose last scan stands there so many times more."""
    whole = saved(Image.new("L", (width_px, height_px), 90), "JPEG", progressive=True)
    last = whole.rfind(b"\xff\xda")
    return whole[:last] + (between + whole[last:-2]) * (more + 1) + whole[-2:]


def repeated(heic: bytes, times: int) -> bytes:
    """Return a tiled HEIC, as pillow-heif writes it, `times` as wide and as high, with its tiles repeated.

    A decoder decodes each of them, while only those of the small picture have to be encoded.
    Source: ISO/IEC 14496-12 (boxes and their sizes), ISO/IEC 23008-12, 6.6.2.3 (the grid of an image).
    """
    meta, locations, references, of_grid, grid, extent = (
        heic.index(name) - 4 for name in (b"meta", b"iloc", b"iref", b"dimg", b"idat", b"ispe")
    )
    rows, columns, width_px, height_px = struct.unpack_from(">2B2H", heic, grid + 10)  # the first two less 1
    at, count = of_grid + 12, (rows + 1) * (columns + 1)
    tiles = struct.unpack_from(f">{count}H", heic, at)
    lines = [tiles[first : first + columns + 1] * times for first in range(0, count, columns + 1)] * times
    shown = [tile for line in lines for tile in line]
    grown, size_px = 2 * (len(shown) - count), (width_px * times, height_px * times)
    made = bytearray(heic)
    struct.pack_into(">2B2H", made, grid + 10, (rows + 1) * times - 1, (columns + 1) * times - 1, *size_px)
    struct.pack_into(">2I", made, extent + 12, *size_px)
    struct.pack_into(">H", made, at - 2, len(shown))
    for box in (meta, references, of_grid):
        struct.pack_into(">I", made, box, struct.unpack_from(">I", heic, box)[0] + grown)
    (items,) = struct.unpack_from(">H", heic, locations + 14)
    for item in range(locations + 16, locations + 16 + 20 * items, 20):
        in_box, base = struct.unpack_from(">H2xI", heic, item + 2)
        struct.pack_into(">I", made, item + 6, base if in_box else base + grown)  # else counted in the file
    made[at : at + 2 * count] = struct.pack(f">{len(shown)}H", *shown)
    return bytes(made)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Return a PNG with chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]
