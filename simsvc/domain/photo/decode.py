"""Photo bytes to an upright sRGB picture, bounded in bytes, pixels, time and memory."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import pillow_heif
from PIL import Image, ImageFile

from simsvc.domain.files.jpeg_header import JpegHeader, count_scans, jpeg_header
from simsvc.domain.files.other_signatures import begun_format, new_format, other_format, raw_format
from simsvc.domain.files.png_chunks import without_long_texts
from simsvc.domain.files.tiff_pages import TiffPhoto, raw_refusal, several_pictures, starting_at, tiff_photo
from simsvc.domain.photo.colour import to_rgb
from simsvc.domain.photo.colour_profiles import converts, profile_of
from simsvc.domain.photo.jpeg_scale import MAX_SIDE_PX, first_part, jpeg_scale, scale_of, target_px, whole_px
from simsvc.errors import (
    EmptyPhoto,
    NotAnImage,
    PhotoError,
    PhotoTooCostly,
    PhotoTooManyBytes,
    PhotoTooManyPixels,
    PhotoTooSmall,
    TruncatedPhoto,
    UnsupportedFormat,
)
from simsvc.ports import PictureDecoder
from simsvc.values import Decoded, DecodedLevels, DecodeRequest, Photo

AS_STORED, IN_SRGB = 1, 2
"""How photos are read: colours as the numbers in the file and the side up that comes first, or colours
converted to sRGB by the photo's profile and, in `domain.photo.upright`, the face turned upright. A model
states which of them it goes with, so that the estimates of earlier models are made again as they were."""
READING = IN_SRGB
MAX_BYTES = 25_000_000
"""Largest upload. A 48-megapixel phone JPEG has 10 to 20 MB."""
MAX_PIXELS = 51_000_000
"""Largest JPEG and HEIC, by its header: phones of 50 megapixels (8192 x 6144). Decoding takes 0.14 s and 30
MB as a baseline JPEG, 0.6 s and 302 MB as a progressive one with whole colours, 1.1 s and 374 MB as a HEIC of
48 megapixels and 3 MB (an EPYC's core)."""
MAX_PIXELS_FULL_DECODE = 25_000_000
"""Largest photo of a format that cannot be shrunk while decoding: PNG takes 0.44 s and 137 MB, AVIF 0.38 s
and 233 MB, TIFF (LZW) 0.38 s and 146 MB."""
MAX_PIXELS_OF = {
    "JPEG": MAX_PIXELS,
    "MPO": MAX_PIXELS,
    "HEIF": MAX_PIXELS,
    "WEBP": 16_000_000,
    "JPEG2000": 12_000_000,
}
"""Formats with a limit of their own: WebP's decoder holds the photo four times (16 megapixels: 0.26 s, 254
MB), JPEG 2000's is slow (12 megapixels: 0.92 s, 236 MB)."""
MAX_SCANNED_PIXELS = 1_500_000_000
"""Pixels of a JPEG times its scans: 30 scans of 50 megapixels. Encoders write 1 to 15. A scan of nothing
takes 60 ms for each thousand million, one of detail ten times as long."""
MAX_SCANS = 500
"""Of a JPEG of any size: each sets its tables up anew, in 5 us."""
MAX_COEFFICIENT_BYTES = 330_000_000
"""Of a JPEG with several scans, all of which the decoder keeps: 2 bytes for each component of each pixel."""
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
FINER_PIXELS = 1_000_000
"""Most pixels for that: converting them takes 15 ms."""
ALIKE = 16.0
"""Levels of 255 by which a picture may differ from another, at `ALIKE_PX` on a side, to be its smaller copy.
Copies of a portrait by four filters differ by 0.3 to 1.2, portraits of two people by 30 and more."""
ALIKE_PX = 32

_ADVICE = "Save it as JPEG or PNG and try again."

# A thumbnail in a HEIC may show anything, and so may depth maps: only the photo itself is looked at.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
ImageFile.LOAD_TRUNCATED_IMAGES = False


def decode(
    data: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    first_px: int | None = None,
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
    reading: int = READING,
    decoder: PictureDecoder | None = None,
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
        reading: `AS_STORED` or `IN_SRGB`.
        decoder: makes pixels of the bytes; None: `decode_picture`, in this process and without limits on time
            and memory but those that the file's header tells.

    Raises:
        EmptyPhoto, PhotoTooManyBytes, NotAnImage, UnsupportedFormat, AnimatedPhoto, PhotoTooManyPixels,
        PhotoTooCostly, PhotoTooSmall, TruncatedPhoto: see `simsvc.errors`; the message says what to do.
    """
    _check_bytes(data, max_bytes)
    _check_header(data)
    decoder = decoder or decode_picture
    found = decoder(data, DecodeRequest(reading, first_px))
    size_px = found.original_width_px, found.original_height_px
    if found.part == 1:
        return Photo(found.picture, *size_px, found.format)
    load = _Loader(data, found, within, reading, decoder)
    return Photo(DecodedLevels(*load.whole_px, load), *size_px, found.format)


def decode_picture(data: bytes, request: DecodeRequest) -> Decoded:
    """Decode a photo that `decode` has judged by its header: what may take long, or much memory.

    Raises:
        PhotoError: as `decode` does.
    """
    tiff = tiff_photo(data, MAX_PIXELS_FULL_DECODE)
    data = tiff.data if tiff else without_long_texts(data)
    with _opened(data) as image:
        if not tiff:
            _check_frames(image)
        _check_pixels(image)
        _check_decoder(image, len(data))
        size_px, kind = image.size, image.format or "unknown"
        part = request.part
        if part is None:
            levels = request.first_px and kind in {"JPEG", "MPO"}
            part = first_part(*size_px, request.first_px or 0) if levels else 1
        profile = profile_of(image, data) if request.reading >= IN_SRGB else None
        finer = part > 1 and _better_finer(image, part, profile)
        picture, turned = _loaded(image, part // 2 if finer else part, profile)
        if finer:
            picture = picture.reduce(2)
    if tiff:
        _check_copies(tiff, picture)
    return Decoded(picture, part, *(size_px[::-1] if turned else size_px), kind)


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
        first: Decoded,
        within: Callable[[], AbstractContextManager[object]],
        reading: int,
        decoder: PictureDecoder,
    ) -> None:
        self._data, self._first, self._within = data, first, within
        self._reading, self._decoder = reading, decoder
        original_px = first.original_width_px, first.original_height_px
        self.whole_px = whole_px(*original_px)
        self._whole_scale = max(self.whole_px) / max(original_px)

    def __call__(self, scale: float) -> tuple[Image.Image, float]:
        """Return the picture with at least `scale` pixels for each of the whole one's, and its own scale."""
        part, first = jpeg_scale(scale, self._whole_scale), self._first
        if part >= first.part:
            return first.picture, scale_of(first.part, self._whole_scale)
        with self._within():
            found = self._decoder(self._data, DecodeRequest(self._reading, part=part))
        return found.picture, scale_of(part, self._whole_scale)


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


def _better_finer(image: Image.Image, part: int, profile: bytes | None) -> bool:
    """Say whether a small JPEG's colours are to be converted before pixels are averaged, and not after.

    A step of 8 bits in ProPhoto RGB is up to three of sRGB's.
    """
    longer_px, pixels = max(image.size) * 2 / part, image.width * image.height * 4 / part**2
    if longer_px > MAX_SIDE_PX or pixels > FINER_PIXELS:
        return False
    return converts(profile, "RGB" if image.mode == "YCbCr" else image.mode)


def _check_header(data: bytes) -> None:
    """Refuse by its first bytes, or by what they say of the rest, what must not be decoded."""
    raw, unread = raw_format(data), new_format(data)
    if raw is not None:
        raise raw_refusal(raw)
    if unread is not None:
        raise UnsupportedFormat(f"This file is {unread}, which is not accepted yet. {_ADVICE}")
    header = jpeg_header(data)
    if header is not None:
        _check_jpeg(data, header)
    else:
        tiff_photo(data, MAX_PIXELS_FULL_DECODE)


def _check_jpeg(data: bytes, header: JpegHeader) -> None:
    if not header.readable:
        raise UnsupportedFormat(
            f"This JPEG is stored in a rare form, with {header.bits} bits for a colour. {_ADVICE}"
        )
    pixels = header.width_px * header.height_px
    if not header.several_scans or not 0 < pixels <= MAX_PIXELS:
        return
    most = min(MAX_SCANS, MAX_SCANNED_PIXELS // pixels)
    if count_scans(data, header.scans_at, most + 1) > most:
        raise PhotoTooCostly(
            f"This JPEG goes over its {header.width_px} x {header.height_px} pixels more than {most} times, "
            f"which would take too long to decode. {_ADVICE}"
        )
    if pixels * header.components * 2 > MAX_COEFFICIENT_BYTES:
        raise PhotoTooCostly(
            f"This JPEG is stored in several passes over {header.components} colours, which would take "
            f"{pixels * header.components * 2 / 1e6:.0f} MB of memory to decode. {_ADVICE}"
        )


def _check_copies(tiff: TiffPhoto, picture: Image.Image) -> None:
    """Refuse a TIFF whose other pictures are not smaller copies of its largest one."""
    expected = _tiny(picture)
    for at in tiff.copies_at:
        with _opened(starting_at(tiff.data, at)) as other:
            _check_pixels(other, least_px=1)
            found = _tiny(_loaded(other, 1, None)[0])
        if np.abs(found - expected).mean() > ALIKE:
            raise several_pictures()


def _tiny(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(picture.resize((ALIKE_PX, ALIKE_PX), Image.Resampling.BOX), dtype=np.float32)


def _open(source: _CountedBytes) -> Image.Image:
    try:
        return Image.open(source, formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except MemoryError:
        raise too_costly() from None
    except Exception:  # noqa: BLE001, RUF100 - Pillow's plug-ins raise SyntaxError, struct.error, KeyError ... on hostile headers
        raise _refusal(source.getvalue()) from None


def _refusal(data: bytes) -> PhotoError:
    begun = begun_format(data)
    if begun is not None:
        return TruncatedPhoto(
            f"This file begins as a {begun} photo, but is damaged or of a rare form, so it cannot be read. "
            f"{_ADVICE}"
        )
    name = other_format(data)
    if name is not None:
        return UnsupportedFormat(f"This file is {name}, which is not accepted. {_ADVICE}")
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return TruncatedPhoto(f"The photo's beginning is damaged, so it cannot be read. {_ADVICE}")
    return NotAnImage("This file is not a photo. Choose a JPEG, PNG, HEIC, AVIF, WebP or TIFF file.")


def too_costly() -> PhotoTooCostly:
    """Return the refusal of a photo whose decoding was ended."""
    return PhotoTooCostly(
        "Decoding this photo takes more time or memory than is allowed for one. "
        "Save it as an ordinary JPEG, or save a smaller copy, and try again."
    )


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
        raise several_pictures()


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


def _check_pixels(image: Image.Image, least_px: int = MIN_SIDE_PX) -> None:
    width_px, height_px = image.size
    limit = MAX_PIXELS_OF.get(image.format or "", MAX_PIXELS_FULL_DECODE)
    if width_px * height_px > limit:
        raise _too_many_pixels(width_px, height_px, limit)
    if min(width_px, height_px) < least_px:
        raise PhotoTooSmall(
            f"The photo has only {width_px} x {height_px} pixels, too few to judge a face. "
            "Choose the original photo, not a thumbnail."
        )


def _loaded(image: Image.Image, part: int, profile: bytes | None) -> tuple[Image.Image, bool]:
    """Return the picture upright and in RGB, and whether that took a quarter turn.

    Args:
        image: as it was opened.
        part: of `PARTS`, or 1 for at most `MAX_SIDE_PX` on the longer side.
        profile: that its colours are read by, if any.
    """
    width_px, height_px = image.size
    try:
        image.draft("RGB", (width_px // part, height_px // part) if part > 1 else target_px(*image.size))
        image.load()
        orientation = _orientation(image)
        rgb = to_rgb(image, MAX_SIDE_PX, profile)
    except MemoryError:
        raise too_costly() from None
    except Exception as error:  # noqa: BLE001, RUF100 - decoders raise OSError, SyntaxError, ValueError, IndexError, zlib.error ...
        if _OUT_OF_MEMORY.search(str(error)):
            raise too_costly() from None
        raise TruncatedPhoto(
            f"The photo is damaged or incomplete, so it cannot be read to its end. {_ADVICE}"
        ) from None
    upright = rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb
    return upright, orientation in _QUARTER_TURNS


_OUT_OF_MEMORY = re.compile(r"memory|alloc", re.IGNORECASE)
"""In what libheif, libavif and libtiff say of themselves."""
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
