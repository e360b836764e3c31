"""TIFF directories of tags, also used by EXIF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MOST_ENTRIES = 4_096
"""Maximum tags of a directory. Cameras write 10 to 80."""
MOST_NUMBERS = 64
"""Maximum values read of one tag."""
_BYTES_OF = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8
}  # fmt: skip
"""Bytes per value, by type of tag. Source: TIFF 6.0, section 2; BigTIFF."""
_CODE_OF = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""`struct` formats of the whole-number types."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Byte order for `struct`, and whether the file is a BigTIFF, with offsets of 8 bytes."""

    order: str
    big: bool

    @property
    def first(self) -> tuple[int, int]:
        """Position and size of the offset of the first directory."""
        return (8, 8) if self.big else (4, 4)


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a directory: its number, and the type, number and position of its values."""

    tag: int
    kind: int
    count: int
    at: int

    @property
    def bytes(self) -> int:
        """Length of the values."""
        return _BYTES_OF.get(self.kind, 0) * self.count


def layout_of(data: bytes) -> Layout | None:
    """Return the number format of a TIFF or EXIF block, or None for anything else."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return None
    magic = struct.unpack_from(order + "H", data, 2)[0]
    if magic == 43 and len(data) >= 16:
        return Layout(order, big=True)
    return Layout(order, big=False) if magic == 42 else None


def first_directory(data: bytes, layout: Layout) -> int:
    """Return the position of the first directory."""
    return int(struct.unpack_from(layout.order + ("Q" if layout.big else "I"), data, layout.first[0])[0])


def directory(data: bytes, at: int, layout: Layout) -> tuple[list[Entry], int] | None:
    """Return the tags of a directory and the position of the next (or 0); None if missing or too long."""
    count_code, step, inline = ("Q", 20, 8) if layout.big else ("H", 12, 4)
    count_bytes = struct.calcsize(count_code)
    if not 0 < at <= len(data) - count_bytes:
        return None
    count = struct.unpack_from(layout.order + count_code, data, at)[0]
    end = at + count_bytes + count * step
    if count > MOST_ENTRIES or end > len(data):
        return None
    entries = list(_entries(data, at + count_bytes, end, layout, inline))
    code = "Q" if layout.big else "I"
    there = end + inline <= len(data)
    return entries, struct.unpack_from(layout.order + code, data, end)[0] if there else 0


def _entries(data: bytes, start: int, end: int, layout: Layout, inline: int) -> Iterator[Entry]:
    code = layout.order + ("HHQ" if layout.big else "HHI")
    offset_code, step = layout.order + ("Q" if layout.big else "I"), 4 + 2 * inline
    for at in range(start, end, step):
        tag, kind, count = struct.unpack_from(code, data, at)
        place = at + 4 + inline
        if _BYTES_OF.get(kind, 0) * count > inline:
            place = struct.unpack_from(offset_code, data, place)[0]
        yield Entry(tag, kind, count, place)


def numbers(data: bytes, entry: Entry, layout: Layout) -> tuple[int, ...]:
    """Return a tag's first `MOST_NUMBERS` values, or none if they are not whole numbers."""
    code, count = _CODE_OF.get(entry.kind), min(entry.count, MOST_NUMBERS)
    if code is None or entry.at + struct.calcsize(code) * count > len(data):
        return ()
    return struct.unpack_from(f"{layout.order}{count}{code}", data, entry.at)


def declared_bytes(block: bytes) -> int:
    """Return the total bytes claimed by the values of a block's first directory.

    Thousands of tags may claim the same bytes, which Pillow would copy for each.
    """
    layout = layout_of(block)
    found = layout and directory(block, first_directory(block, layout), layout)
    if not found:
        return 0 if layout is None else len(block) * MOST_ENTRIES
    return sum(entry.bytes for entry in found[0])
