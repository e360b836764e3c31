"""ZIPs made by hand, byte for byte, where `zipfile` would not write what a test needs."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

STORED, DEFLATED = 0, 8
UTF8 = 0x800
NEVER = 0xFFFFFFFF


@dataclass(frozen=True)
class Made:
    """A file of a ZIP, and what its headers say of it.

    Attributes:
        name: in the headers.
        data: unpacked.
        method: how it is packed.
        flags: general purpose bits.
        extra: fields, in both headers.
        packed_bytes: stated in the list of files; None for the truth.
        offset: of its header, stated likewise.
    """

    name: bytes
    data: bytes = b""
    method: int = STORED
    flags: int = 0
    extra: bytes = b""
    packed_bytes: int | None = None
    offset: int | None = None

    @property
    def packed(self) -> bytes:
        """Return the bytes as they stand in the ZIP."""
        if self.method == STORED:
            return self.data
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflate.compress(self.data) + deflate.flush()


def local(file: Made) -> bytes:
    """Return a file with its header."""
    head = struct.pack(
        "<4s5H3I2H",
        b"PK\x03\x04",
        20,
        file.flags,
        file.method,
        0,
        0,
        zlib.crc32(file.data),
        len(file.packed),
        len(file.data),
        len(file.name),
        len(file.extra),
    )
    return head + file.name + file.extra + file.packed


def central(file: Made, offset: int) -> bytes:
    """Return a file's line in the list of files."""
    head = struct.pack(
        "<4s6H3I5H2I",
        b"PK\x01\x02",
        20,
        20,
        file.flags,
        file.method,
        0,
        0,
        zlib.crc32(file.data),
        len(file.packed) if file.packed_bytes is None else file.packed_bytes,
        len(file.data),
        len(file.name),
        len(file.extra),
        0,
        0,
        0,
        0,
        offset if file.offset is None else file.offset,
    )
    return head + file.name + file.extra


def end(count: int, size: int, start: int, *, zip64: bool = False) -> bytes:
    """Return what ends a ZIP, in the plain form or the one for more than 4 GB."""
    if not zip64:
        return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, start, 0)
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    plain = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", NEVER & 0xFFFF, NEVER & 0xFFFF, 0xFFFF, 0xFFFF, NEVER, NEVER, 0
    )
    return record + locator + plain


def made_zip(*files: Made, listed: tuple[Made, ...] = (), zip64: bool = False, between: bytes = b"") -> bytes:
    """Return a ZIP of these files.

    Args:
        files: in their order.
        listed: what the list of files names besides; each needs its offset.
        zip64: whether it ends in the form for more than 4 GB.
        between: bytes before the list of files.
    """
    body, lines = b"", b""
    for file in files:
        lines += central(file, len(body))
        body += local(file)
    lines += b"".join(central(file, 0) for file in listed)
    start = len(body) + len(between)
    return body + between + lines + end(len(files) + len(listed), len(lines), start, zip64=zip64)


def named_nine_times(data: bytes) -> bytes:
    """Return a ZIP whose list names its only file nine times."""
    file = Made(b"a.jpg", data, DEFLATED)
    return made_zip(file, listed=(replace(file, offset=0, packed_bytes=len(file.packed) + 60),) * 8)


def quoted(count: int, data: bytes) -> bytes:
    """Return a ZIP whose files each hold the headers of those behind it, and in the end the same kernel.

    Source: D. Fifield, "A better zip bomb", WOOT 2019, section 4.
    """
    kernel = Made(b"%03d" % (count - 1), data, DEFLATED)
    body = local(kernel)
    contents, packs = [data], [kernel.packed]
    for number in reversed(range(count - 1)):
        block = b"\x00" + struct.pack("<HH", len(body) - len(packs[0]), 0xFFFF ^ (len(body) - len(packs[0])))
        header = body[: len(body) - len(packs[0])]
        packed, content = block + header + packs[0], header + contents[0]
        name = b"%03d" % number
        head = struct.pack(
            "<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(content), len(packed), len(content), 3, 0
        )
        body = head + name + packed
        packs.insert(0, packed)
        contents.insert(0, content)
    lines, place = b"", 0
    for number, (packed, content) in enumerate(zip(packs, contents, strict=True)):
        lines += struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            20,
            20,
            0,
            8,
            0,
            0,
            zlib.crc32(content),
            len(packed),
            len(content),
            3,
            0,
            0,
            0,
            0,
            0,
            place,
        )
        lines += b"%03d" % number
        place += 30 + 3 + 5
    return body + lines + end(count, len(lines), len(body))
