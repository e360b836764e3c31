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
from simsvc.domain.files.tiff_pages import TiffPhoto, raw_refusal, starting_at, tiff_photo
from simsvc.domain.photo.colour import to_rgb
from simsvc.domain.photo.colour_profiles import converts, profile_of
from simsvc.domain.photo.jpeg_scale import MAX_SIDE_PX, first_part, jpeg_scale, scale_of, target_px, whole_px
from simsvc.errors import (
    AnimatedPhoto,
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
from simsvc.messages import Message
from simsvc.ports import PictureDecoder
from simsvc.values import Decoded, DecodedLevels, DecodeRequest, Photo

AS_STORED, IN_SRGB = 1, 2
"""How photos are read: with stored colours and orientation, or with colours converted to sRGB and, in
`domain.photo.upright`, the face rotated upright. A model states its reading, so that estimates of earlier
models can be replayed."""
READING = IN_SRGB
MAX_BYTES = 25_000_000
"""Largest upload. A 48-megapixel phone JPEG has 10 to 20 MB."""
MAX_PIXELS = 51_000_000
"""Largest JPEG and HEIC, by its header: phones of 50 megapixels (8192 x 6144). Decoding takes 0.14 s and 30
MB as a baseline JPEG, 0.6 s and 302 MB as a progressive one with whole colours, 1.1 s and 374 MB as a HEIC of
48 megapixels and 3 MB (an EPYC's core)."""
MAX_PIXELS_FULL_DECODE = 25_000_000
"""Largest photo in a format that cannot be downscaled while decoding: PNG takes 0.44 s and 137 MB, AVIF 0.38
s and 233 MB, TIFF (LZW) 0.38 s and 146 MB."""
MAX_PIXELS_OF = dict.fromkeys(("JPEG", "MPO", "HEIF"), MAX_PIXELS) | {
    "WEBP": 16_000_000,
    "JPEG2000": 12_000_000,
}
"""Formats with other limits: WebP's decoder keeps four copies (16 megapixels: 0.26 s, 254 MB), JPEG 2000's is
slow (12 megapixels: 0.92 s, 236 MB)."""
MAX_SCANNED_PIXELS = 1_500_000_000
"""Pixels of a JPEG times its scans: 30 scans of 50 megapixels. Encoders write 1 to 15. An empty scan takes 60
ms per thousand million, a detailed one ten times as long."""
MAX_SCANS = 500
"""Maximum scans of a JPEG of any size: each takes 5 us to set up."""
MAX_COEFFICIENT_BYTES = 330_000_000
"""Maximum coefficients of a JPEG with several scans, which the decoder keeps: 2 bytes per component of each
pixel."""
MAX_READS = 100_000
"""How often a decoder may ask for more bytes. Honest files of `MAX_BYTES` need some 10,000 reads; a file
made of millions of tiny blocks, pages or comments would keep Pillow's Python loops busy for minutes."""
MAX_BYTES_IN_PYTHON = 2_000_000
"""Largest file for those of Pillow's decoders that are written in Python (plain PPM, run-length BMP): they
take 0.2 to 0.3 s for each MB."""
MIN_SIDE_PX = 32
"""Smaller photos cannot show a face of usable size (see `face_choice.MIN_FACE_PX`)."""

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM")
"""Formats that may be decoded. No other Pillow plug-in is used for uploads."""
FINER_PIXELS = 1_000_000
"""Maximum pixels for it: converting them takes 15 ms."""
ALIKE = 16.0
"""Maximum difference in levels of 255 between a picture and its smaller copy, at `ALIKE_PX` on a side.
Copies of a portrait by four filters differ by 0.3 to 1.2, portraits of two people by 30 and more."""
ALIKE_PX = 32


# Thumbnails and depth maps in a HEIC may show anything: only the photo itself is used.
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

    With `first_px`, a JPEG is first decoded at half or a quarter of its size, if that leaves the longer side
    so many pixels. The whole file is read, so damage is found. More pixels are decoded on demand, `within` a
    context. `reading` is `AS_STORED` or `IN_SRGB`. Without a decoder, `decode_picture` decodes in this
    process, with limits from the header only.

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
    """Decode a photo whose header `decode` has checked; this may take long or much memory.

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is checked below
        source = _CountedBytes(data)
        try:
            yield _open(source)
        except (NotAnImage, UnsupportedFormat, TruncatedPhoto):
            if source.reads > MAX_READS:
                raise UnsupportedFormat("pieces") from None
            raise


class _Loader:
    """Decodes a JPEG at the requested scale, and caches the first result."""

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
        raise EmptyPhoto()
    if len(data) > max_bytes:
        raise PhotoTooManyBytes("size", size_mb=len(data) / 1e6, most_mb=max_bytes / 1e6)


def _better_finer(image: Image.Image, part: int, profile: bytes | None) -> bool:
    """Return whether a small JPEG's colours must be converted before averaging pixels.

    A step of 8 bits in ProPhoto RGB is up to three of sRGB's.
    """
    longer_px, pixels = max(image.size) * 2 / part, image.width * image.height * 4 / part**2
    if longer_px > MAX_SIDE_PX or pixels > FINER_PIXELS:
        return False
    return converts(profile, "RGB" if image.mode == "YCbCr" else image.mode)


def _check_header(data: bytes) -> None:
    """Refuse files that must not be decoded, by their first bytes and headers."""
    raw, unread = raw_format(data), new_format(data)
    if raw is not None:
        raise raw_refusal(raw)
    if unread is not None:
        raise UnsupportedFormat("not_yet", kind=Message(unread))
    header = jpeg_header(data)
    if header is not None:
        _check_jpeg(data, header)
    else:
        tiff_photo(data, MAX_PIXELS_FULL_DECODE)


def _check_jpeg(data: bytes, header: JpegHeader) -> None:
    if not header.readable:
        raise UnsupportedFormat("bits", bits=header.bits)
    pixels = header.width_px * header.height_px
    if not header.several_scans or not 0 < pixels <= MAX_PIXELS:
        return
    most = min(MAX_SCANS, MAX_SCANNED_PIXELS // pixels)
    if count_scans(data, header.scans_at, most + 1) > most:
        raise PhotoTooCostly("scans", width_px=header.width_px, height_px=header.height_px, most=most)
    needed = pixels * header.components * 2
    if needed > MAX_COEFFICIENT_BYTES:
        raise PhotoTooCostly("passes", colours=header.components, needed_mb=needed / 1e6)


def _check_copies(tiff: TiffPhoto, picture: Image.Image) -> None:
    """Refuse a TIFF with pictures that are not smaller copies of its largest one."""
    expected = _tiny(picture)
    for at in tiff.copies_at:
        with _opened(starting_at(tiff.data, at)) as other:
            _check_pixels(other, least_px=1)
            found = _tiny(_loaded(other, 1, None)[0])
        if np.abs(found - expected).mean() > ALIKE:
            raise AnimatedPhoto()


def _tiny(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(picture.resize((ALIKE_PX, ALIKE_PX), Image.Resampling.BOX), dtype=np.float32)


def _open(source: _CountedBytes) -> Image.Image:
    try:
        return Image.open(source, formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except MemoryError:
        raise PhotoTooCostly("limits") from None
    except Exception:  # noqa: BLE001, RUF100 - Pillow's plug-ins raise SyntaxError, struct.error, KeyError ... on hostile headers
        raise _refusal(source.getvalue()) from None


def _refusal(data: bytes) -> PhotoError:
    begun = begun_format(data)
    if begun is not None:
        return TruncatedPhoto("begun", format=begun)
    name = other_format(data)
    if name is not None:
        return UnsupportedFormat("other", kind=Message(name))
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return TruncatedPhoto("beginning")
    return NotAnImage()


def _check_frames(image: Image.Image) -> None:
    """Refuse several pictures in one file, without counting them, which would parse all of them."""
    if image.format in {"MPO", "HEIF"}:
        return  # depth maps or bursts: the first picture is the photo
    try:
        animated = bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001, RUF100 - looking for a second frame parses the hostile file
        raise TruncatedPhoto("damaged") from None
    if animated:
        raise AnimatedPhoto()


def _check_decoder(image: Image.Image, size_bytes: int) -> None:
    """Refuse large files for decoders written in Python, listed in `Image.DECODERS`."""
    if size_bytes > MAX_BYTES_IN_PYTHON and any(tile[0] in Image.DECODERS for tile in _tiles(image)):
        raise UnsupportedFormat("rare_form", format=str(image.format), most_mb=MAX_BYTES_IN_PYTHON / 1e6)


def _tiles(image: Image.Image) -> list[ImageFile._Tile]:
    return image.tile if isinstance(image, ImageFile.ImageFile) else []


def _too_many_pixels(width_px: int = 0, height_px: int = 0, limit: int = MAX_PIXELS) -> PhotoTooManyPixels:
    if not width_px:
        return PhotoTooManyPixels("uncounted", most_mpx=limit / 1e6)
    return PhotoTooManyPixels("size", width_px=width_px, height_px=height_px, most_mpx=limit / 1e6)


def _check_pixels(image: Image.Image, least_px: int = MIN_SIDE_PX) -> None:
    width_px, height_px = image.size
    limit = MAX_PIXELS_OF.get(image.format or "", MAX_PIXELS_FULL_DECODE)
    if width_px * height_px > limit:
        raise _too_many_pixels(width_px, height_px, limit)
    if min(width_px, height_px) < least_px:
        raise PhotoTooSmall(width_px=width_px, height_px=height_px)


def _loaded(image: Image.Image, part: int, profile: bytes | None) -> tuple[Image.Image, bool]:
    """Return the picture upright and in RGB, and whether it was rotated by a quarter turn."""
    width_px, height_px = image.size
    try:
        image.draft("RGB", (width_px // part, height_px // part) if part > 1 else target_px(*image.size))
        image.load()
        orientation = _orientation(image)
        rgb = to_rgb(image, MAX_SIDE_PX, profile)
    except MemoryError:
        raise PhotoTooCostly("limits") from None
    except Exception as error:  # noqa: BLE001, RUF100 - decoders raise OSError, SyntaxError, ValueError, IndexError, zlib.error ...
        if _OUT_OF_MEMORY.search(str(error)):
            raise PhotoTooCostly("limits") from None
        raise TruncatedPhoto("incomplete") from None
    upright = rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb
    return upright, orientation in _QUARTER_TURNS


_OUT_OF_MEMORY = re.compile(r"memory|alloc", re.IGNORECASE)
"""Version numbers in texts of libheif, libavif and libtiff."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Rotation to upright, by EXIF orientation. Source: EXIF 2.32, tag 0x0112."""
_QUARTER_TURNS = {5, 6, 7, 8}


def _orientation(image: Image.Image) -> int:
    """Return EXIF orientation 1..8, or 1 if missing, invalid or already applied (HEIF)."""
    if image.format == "HEIF":
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    except Exception:  # noqa: BLE001, RUF100 - damaged EXIF may raise anything; pixels are still usable
        return 1
