"""Photo bytes to an upright RGB array, bounded in bytes, pixels, time and memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pillow_heif
from PIL import Image, ImageFile

from simsvc.errors import (
    AnimatedPhoto,
    EmptyPhoto,
    NotAnImage,
    PhotoTooManyBytes,
    PhotoTooManyPixels,
    PhotoTooSmall,
    TruncatedPhoto,
    UnsupportedFormat,
)
from simsvc.steps.colour import to_rgb
from simsvc.steps.parts import MAX_SIDE_PX, first_part, part_for, scale_of, target_px, whole_px
from simsvc.values import Levels, Photo

AS_STORED, IN_SRGB = 1, 2
READING = IN_SRGB
MAX_BYTES = 25_000_000
"""Largest upload. A 48-megapixel phone JPEG has 10 to 20 MB."""
MAX_PIXELS = 50_000_000
"""Largest JPEG, by its header: 48 to 50 megapixel phones fit. `draft` shrinks while decoding."""
MAX_PIXELS_FULL_DECODE = 25_000_000
"""Largest photo of a format that cannot be shrunk while decoding: 4 bytes a pixel and one conversion stay
under 400 MB, and decoding under 1 s of one core's time."""
MAX_PIXELS_OF = {"JPEG": MAX_PIXELS, "MPO": MAX_PIXELS, "WEBP": 16_000_000, "JPEG2000": 12_000_000}
"""Formats with a limit of their own: WebP's decoder holds the photo four times, JPEG 2000's is slow."""
MAX_READS = 100_000
"""How often a decoder may ask for more bytes. Honest files of `MAX_BYTES` need some 10,000 reads; a file
made of millions of tiny blocks, pages or comments would keep Pillow's Python loops busy for minutes."""
MAX_BYTES_IN_PYTHON = 2_000_000
"""Largest file for those of Pillow's decoders that are written in Python (plain PPM, run-length BMP): they
take 0.2 to 0.3 s for each MB."""
MIN_SIDE_PX = 32
"""No face of a usable size (see `boxes.MIN_FACE_PX`) fits into less."""

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM")
"""What may be decoded. Every other Pillow plug-in stays out of reach of uploads."""

_ADVICE = "Save it as JPEG or PNG and try again."
_OTHER_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS document"),
    (b"DDS ", "a DirectDraw surface"),
    (b"qoif", "a QOI image"),
    (b"BLP", "a BLP texture"),
    (b"\x00\x00\x01\x00", "a Windows icon"),
    (b"\x00\x00\x02\x00", "a Windows cursor"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\x01\xda", "an SGI image"),
    (b"\x0a\x05\x01", "a PCX image"),
    (b"icns", "a macOS icon"),
    (b"<svg", "an SVG drawing"),
    (b"RIFF", "a RIFF file other than WebP"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)
OTHER_FORMATS = tuple(name for _, name in _OTHER_SIGNATURES)
"""What such a file is called in its refusal."""

pillow_heif.register_heif_opener()
ImageFile.LOAD_TRUNCATED_IMAGES = False


def decode(
    data: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    first_px: int | None = None,
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Photo:
    """Decode an upload into an upright RGB photo of at most `MAX_SIDE_PX`.

    With `first_px`, only a half or a quarter of a JPEG's pixels on a side are made at first, where that
    leaves so many: all of it is read, so that damage is found. More are made when the photo is asked for
    them.

    Args:
        data: the file's bytes, of any origin.
        max_bytes: limit on their number.
        first_px: the longer side keeps at least so many pixels at first; None: all of `MAX_SIDE_PX`.
        within: gives the context in which the photo is decoded again, if it comes to that.

    Raises:
        EmptyPhoto, PhotoTooManyBytes, NotAnImage, UnsupportedFormat, AnimatedPhoto, PhotoTooManyPixels,
        PhotoTooSmall, TruncatedPhoto: see `simsvc.errors`; the message says what to do.
    """
    _check_bytes(data, max_bytes)
    with _opened(data) as image:
        _check_frames(image)
        _check_pixels(image)
        _check_decoder(image, len(data))
        size_px, kind = image.size, image.format or "unknown"
        part = first_part(*size_px, first_px) if first_px and kind in {"JPEG", "MPO"} else 1
        picture, turned = _loaded(image, part)
    if turned:
        size_px = size_px[1], size_px[0]
    if part == 1:
        return Photo(picture, *size_px, kind)
    load = _Loader(data, size_px, (part, picture), within)
    return Photo(Levels(*load.whole_px, load), *size_px, kind)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open a file as an image, bounded in the pieces that it is read in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; it is judged below, by its effect
        source = _CountedBytes(data)
        try:
            yield _open(source)
        except (NotAnImage, UnsupportedFormat, TruncatedPhoto):
            if source.reads > MAX_READS:
                raise _too_many_pieces() from None
            raise


class _Loader:
    """Decodes a JPEG as finely as it is asked to; what it decoded first is at hand."""

    def __init__(
        self,
        data: bytes,
        original_px: tuple[int, int],
        first: tuple[int, Image.Image],
        within: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._data, self._first, self._within = data, first, within
        self.whole_px = whole_px(*original_px)
        self._whole_scale = max(self.whole_px) / max(original_px)

    def __call__(self, scale: float) -> tuple[Image.Image, float]:
        """Return the picture with at least `scale` pixels for each of the whole one's, and its own scale."""
        part, (first, picture) = part_for(scale, self._whole_scale), self._first
        if part >= first:
            return picture, scale_of(first, self._whole_scale)
        with self._within(), _opened(self._data) as image:
            return _loaded(image, part)[0], scale_of(part, self._whole_scale)


class _CountedBytes(io.BytesIO):
    """Bytes that end the patience with a file of too many pieces."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise OSError("too many pieces")
        return super().read(size)


def _check_bytes(data: bytes, max_bytes: int) -> None:
    if not data:
        raise EmptyPhoto("The file is empty (0 bytes). Choose the photo again.")
    if len(data) > max_bytes:
        raise PhotoTooManyBytes(
            f"The file has {len(data) / 1e6:.1f} MB; at most {max_bytes / 1e6:.0f} MB are accepted. "
            "Save a smaller copy, or crop it to the face, and try again."
        )


def _open(source: _CountedBytes) -> Image.Image:
    try:
        return Image.open(source, formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001, RUF100 - Pillow's plug-ins raise SyntaxError, struct.error, KeyError ... on hostile headers
        raise _refusal(source.getvalue()) from None


def _refusal(data: bytes) -> NotAnImage | UnsupportedFormat | TruncatedPhoto:
    head = data[:16].lstrip()
    for signature, name in _OTHER_SIGNATURES:
        if head.startswith(signature):
            return UnsupportedFormat(f"This file is {name}, which is not accepted. {_ADVICE}")
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return TruncatedPhoto(f"The photo's beginning is damaged, so it cannot be read. {_ADVICE}")
    return NotAnImage("This file is not a photo. Choose a JPEG, PNG, HEIC, AVIF, WebP or TIFF file.")


def _too_many_pieces() -> UnsupportedFormat:
    return UnsupportedFormat(f"This file is built of too many small pieces for a photo. {_ADVICE}")


def _check_frames(image: Image.Image) -> None:
    """Refuse several pictures in one file; they are not counted, because that means parsing all of them."""
    if image.format in {"MPO", "HEIF"}:
        return  # several stills of one moment (depth, burst): the first is the photo
    try:
        animated = bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001, RUF100 - looking for a second frame parses the hostile file
        raise TruncatedPhoto(f"The photo is damaged, so it cannot be read to its end. {_ADVICE}") from None
    if animated:
        raise AnimatedPhoto(
            "The file holds several pictures, so it is not clear which one is meant. "
            "Save the one picture as JPEG or PNG and try again."
        )


def _check_decoder(image: Image.Image, size_bytes: int) -> None:
    """Refuse large files for decoders written in Python; `Image.DECODERS` lists exactly those."""
    if size_bytes > MAX_BYTES_IN_PYTHON and any(tile[0] in Image.DECODERS for tile in _tiles(image)):
        raise UnsupportedFormat(
            f"This file is stored in a rare form of {image.format}, accepted up to "
            f"{MAX_BYTES_IN_PYTHON / 1e6:.0f} MB only. {_ADVICE}"
        )


def _tiles(image: Image.Image) -> list[ImageFile._Tile]:
    return image.tile if isinstance(image, ImageFile.ImageFile) else []


def _too_many_pixels(width_px: int = 0, height_px: int = 0, limit: int = MAX_PIXELS) -> PhotoTooManyPixels:
    what = f"has {width_px} x {height_px} pixels" if width_px else "has too many pixels"
    return PhotoTooManyPixels(
        f"The photo {what}; at most {limit / 1e6:.0f} megapixels are accepted. "
        "Save a smaller copy, or crop it to the face, and try again."
    )


def _check_pixels(image: Image.Image) -> None:
    width_px, height_px = image.size
    limit = MAX_PIXELS_OF.get(image.format or "", MAX_PIXELS_FULL_DECODE)
    if width_px * height_px > limit:
        raise _too_many_pixels(width_px, height_px, limit)
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise PhotoTooSmall(
            f"The photo has only {width_px} x {height_px} pixels, too few to judge a face. "
            "Choose the original photo, not a thumbnail."
        )


def _loaded(image: Image.Image, part: int) -> tuple[Image.Image, bool]:
    """Return the picture upright and in RGB, and whether that took a quarter turn.

    Args:
        image: as it was opened.
        part: of `PARTS`, or 1 for at most `MAX_SIDE_PX` on the longer side.
    """
    width_px, height_px = image.size
    try:
        image.draft("RGB", (width_px // part, height_px // part) if part > 1 else target_px(*image.size))
        image.load()
        orientation = _orientation(image)
        rgb = to_rgb(image, MAX_SIDE_PX)
    except MemoryError:
        raise _too_many_pixels(width_px, height_px) from None
    except Exception:  # noqa: BLE001, RUF100 - decoders raise OSError, SyntaxError, ValueError, IndexError, zlib.error ...
        raise TruncatedPhoto(
            f"The photo is damaged or incomplete, so it cannot be read to its end. {_ADVICE}"
        ) from None
    upright = rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb
    return upright, orientation in _QUARTER_TURNS


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the turn that sets the photo upright. Source: EXIF 2.32, tag 0x0112."""
_QUARTER_TURNS = {5, 6, 7, 8}


def _orientation(image: Image.Image) -> int:
    """Return EXIF orientation 1..8, and 1 where it is missing, invalid or already applied (HEIF)."""
    if image.format == "HEIF":
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    except Exception:  # noqa: BLE001, RUF100 - damaged EXIF raises anything; the pixels are still good
        return 1
