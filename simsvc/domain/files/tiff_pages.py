"""The pictures in a TIFF: the photo, its decoding cost, and raw files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from simsvc.domain.files.ifd import Entry, Layout, directory, first_directory, layout_of, numbers
from simsvc.domain.files.other_signatures import DNG, MAKERS, OTHER_RAW
from simsvc.errors import AnimatedPhoto, PhotoTooCostly, TruncatedPhoto, UnsupportedFormat
from simsvc.messages import Message

MOST_PAGES = 64
"""Maximum pictures read: a pyramid of a photo has some 8."""
MOST_STRIPS = 50_000
"""Maximum strips or tiles. A photo of 25 megapixels in strips of one row has some 5,000."""
MOST_BYTES = 320_000_000
"""Maximum memory for decoding: 25 megapixels in Pillow, and as 16-bit RGB in one strip, are 250 MB. The
decoder's actual limit is in `adapters.photos.photo_decoder`."""
MOST_UNPACKED_BYTES = 600_000_000
"""Maximum of all strips or tiles, unpacked: LZW takes some 2 ns a byte."""
SMALLER = 0.75
"""Maximum width of a smaller copy in the same file, as a share of the photo's."""

_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
_MAKE, _STRIPS, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 271, 273, 277, 278, 322, 323
_TILES, _SUB_DIRECTORIES, _DNG = 324, 330, 50706
"""Source: TIFF 6.0, appendix A; TIFF Technical Note 1; DNG 1.7, DNGVersion."""
_SENSOR = frozenset({32803, 34892})
"""PhotometricInterpretation of raw sensor data: CFA, LinearRaw. Source: TIFF/EP; DNG 1.7."""
_RAW_PACKING = frozenset({32767, 32769, 32770, 34713, 65000, 65535})
"""Compression of makers' own raw files: Sony, Epson, Samsung, Nikon, Kodak, Pentax. Source: LibRaw."""


@dataclass(frozen=True, slots=True)
class Page:
    """A picture in a TIFF, from its directory.

    Attributes:
        at: position of the directory.
        bits: of a pixel, all samples together.
        tile_px: width and height of a tile or strip.
        strips: number of tiles or strips.
        value_bytes: of all its tags.
    """

    at: int
    width_px: int
    height_px: int
    bits: int
    tile_px: tuple[int, int]
    strips: int
    reduced: bool
    mask: bool
    photometric: int
    compression: int
    value_bytes: int

    @property
    def pixels(self) -> int:
        """Of the picture."""
        return self.width_px * self.height_px

    @property
    def of_sensor(self) -> bool:
        """Whether it is raw sensor data."""
        return self.photometric in _SENSOR or self.compression in _RAW_PACKING

    @property
    def tile_bytes(self) -> int:
        """Bytes of a tile or strip, unpacked, all planes."""
        return self.tile_px[0] * self.tile_px[1] * self.bits // 8

    @property
    def unpacked_bytes(self) -> int:
        """Bytes of all tiles or strips."""
        sides = (self.width_px, self.height_px)
        across, down = (-(-side // tile) for side, tile in zip(sides, self.tile_px, strict=True))
        return across * down * self.tile_bytes


@dataclass(frozen=True, slots=True)
class TiffPhoto:
    """A TIFF, its photo first, and positions of possible smaller copies, to be confirmed by their pixels."""

    data: bytes
    copies_at: tuple[int, ...]


def tiff_photo(data: bytes, most_pixels: int) -> TiffPhoto | None:
    """Return the photo in a TIFF, checked before decoding, or None for anything else.

    The caller refuses photos with more than `most_pixels`.

    Raises:
        UnsupportedFormat: a raw file, or too many pieces.
        AnimatedPhoto: several pictures, none of which is a smaller copy of another.
        PhotoTooCostly: decoding would take too much memory.
        TruncatedPhoto: its directories contradict each other.
    """
    layout = layout_of(data)
    if layout is None:
        return None
    pages, below, make, dng = _read(data, layout)
    if not pages:
        return None
    _check_raw((*pages, *below), make, dng=dng)
    page, copies = _photo_of(pages, below)
    if page.pixels <= most_pixels:
        _check_cost(page, len(data))
    return TiffPhoto(starting_at(data, page.at, layout), copies)


def starting_at(data: bytes, at: int, layout: Layout | None = None) -> bytes:
    """Return a TIFF with the directory at a position as its first."""
    layout = layout or layout_of(data)
    assert layout is not None  # noqa: S101 - for mypy; the position comes from the file
    start, size = layout.first
    if first_directory(data, layout) == at:
        return data
    code = layout.order + ("Q" if layout.big else "I")
    return data[:start] + struct.pack(code, at) + data[start + size :]


def _read(data: bytes, layout: Layout) -> tuple[list[Page], list[Page], str, bool]:
    """Return top-level pictures, sub-pictures, the camera's maker, and whether it is a DNG."""
    pages: list[Page] = []
    below: list[int] = []
    make, dng, seen, at = "", False, set[int](), first_directory(data, layout)
    while at and at not in seen and len(pages) < MOST_PAGES:
        seen.add(at)
        found = directory(data, at, layout)
        if found is None:
            break
        entries, following = found
        tags = {entry.tag: entry for entry in entries}
        pages.append(_page(data, at, entries, layout))
        make = make or _text(data, tags.get(_MAKE))
        dng = dng or _DNG in tags
        if _SUB_DIRECTORIES in tags:
            below += numbers(data, tags[_SUB_DIRECTORIES], layout)
        at = following
    places = [place for place in dict.fromkeys(below) if place not in seen][:MOST_PAGES]
    return pages, list(_pages_at(data, places, layout)), make, dng


def _pages_at(data: bytes, places: list[int], layout: Layout) -> Iterator[Page]:
    for at in places:
        found = directory(data, at, layout)
        if found is not None:
            yield _page(data, at, found[0], layout)


def _text(data: bytes, entry: Entry | None) -> str:
    if entry is None or entry.kind != 2:
        return ""
    return data[entry.at : entry.at + min(entry.count, 64)].decode("ascii", "replace").strip("\0 ").lower()


def _page(data: bytes, at: int, entries: list[Entry], layout: Layout) -> Page:
    said: dict[int, tuple[int, ...]] = {}
    for entry in entries:
        values = numbers(data, entry, layout)
        said[entry.tag] = max(said.get(entry.tag, ()), values)

    def one(tag: int, default: int) -> int:
        return (said.get(tag) or (default,))[0]

    width, height, samples = one(_WIDTH, 0), one(_HEIGHT, 0), max(1, one(_SAMPLES, 1))
    bits = said.get(_BITS) or (1,)
    tile_px = (max(1, width), max(1, min(one(_ROWS, height), height)))
    if _TILE_WIDTH in said or _TILE_HEIGHT in said:
        tile_px = (max(1, one(_TILE_WIDTH, width)), max(1, one(_TILE_HEIGHT, height)))
    strips = max((entry.count for entry in entries if entry.tag in {_STRIPS, _TILES}), default=0)
    return Page(
        at,
        width,
        height,
        bits=sum(bits) if len(bits) >= samples else max(bits) * samples,
        tile_px=tile_px,
        strips=strips,
        reduced=bool(one(_SUBFILE, 0) & 1) or one(_OLD_SUBFILE, 1) == 2,
        mask=bool(one(_SUBFILE, 0) & 4) or one(_PHOTOMETRIC, 0) == 4,
        photometric=one(_PHOTOMETRIC, 0),
        compression=one(_COMPRESSION, 1),
        value_bytes=sum(entry.bytes for entry in entries),
    )


def _check_raw(pages: tuple[Page, ...], make: str, *, dng: bool) -> None:
    if not dng and not any(page.of_sensor for page in pages):
        return
    name = DNG if dng else next((name for start, name in MAKERS.items() if make.startswith(start)), OTHER_RAW)
    raise raw_refusal(name)


def raw_refusal(name: str) -> UnsupportedFormat:
    """Return the refusal of a raw file of that name."""
    return UnsupportedFormat("raw", kind=Message(name))


def _photo_of(pages: list[Page], below: list[Page]) -> tuple[Page, tuple[int, ...]]:
    """Return the one picture that is not a copy or mask, and positions of possible copies."""
    full = [page for page in pages if not page.reduced and not page.mask]
    if not full:
        full = [page for page in below if not page.reduced and not page.mask and page.pixels]
    if not full:
        return max(pages, key=lambda page: page.pixels), ()
    photo = max(full, key=lambda page: page.pixels)
    others = [page for page in full if page is not photo]
    if not all(_may_be_copy(page, photo) for page in others) or len(pages) >= MOST_PAGES:
        raise AnimatedPhoto()
    return photo, tuple(page.at for page in others)


def _may_be_copy(page: Page, photo: Page) -> bool:
    expected_px = page.width_px * photo.height_px / max(1, photo.width_px)
    return 0 < page.width_px <= SMALLER * photo.width_px and abs(page.height_px - expected_px) <= 1.0


def _check_cost(page: Page, file_bytes: int) -> None:
    if page.strips > MOST_STRIPS:
        raise UnsupportedFormat("pieces")
    if page.value_bytes > 2 * file_bytes:
        raise TruncatedPhoto("beginning")
    needed = page.pixels * 4 + page.tile_bytes
    if needed > MOST_BYTES or page.unpacked_bytes > MOST_UNPACKED_BYTES:
        width, height = page.tile_px
        needed_mb = max(needed, page.unpacked_bytes) / 1e6
        raise PhotoTooCostly(
            "tiff_pieces", width_px=width, height_px=height, bits=page.bits, needed_mb=needed_mb
        )
