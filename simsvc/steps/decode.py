"""Photo bytes to an upright RGB array, bounded in bytes, pixels, time and memory."""

from __future__ import annotations

import io
import warnings

import numpy as np
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
from simsvc.values import Photo, RgbImage

MAX_BYTES = 25_000_000
"""Largest upload. A 48-megapixel phone JPEG has 10 to 20 MB."""
MAX_PIXELS = 50_000_000
"""Largest JPEG, by its header: 48 to 50 megapixel phones fit. `draft` shrinks while decoding."""
MAX_PIXELS_FULL_DECODE = 25_000_000
"""Largest photo of a format that cannot be shrunk while decoding: 4 bytes a pixel and one conversion stay
far under 500 MB, and decoding under 2 s (measured by tests/bench/decode_limits.py)."""
MAX_SIDE_PX = 1600
"""Longer side of a decoded photo: a face of a tenth of it is still larger than the model's input."""
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

pillow_heif.register_heif_opener()
ImageFile.LOAD_TRUNCATED_IMAGES = False


def decode(data: bytes, *, max_bytes: int = MAX_BYTES) -> Photo:
    """Decode an upload into an upright RGB photo of at most `MAX_SIDE_PX`.

    Args:
        data: the file's bytes, of any origin.
        max_bytes: limit on their number.

    Raises:
        EmptyPhoto, PhotoTooManyBytes, NotAnImage, UnsupportedFormat, AnimatedPhoto, PhotoTooManyPixels,
        PhotoTooSmall, TruncatedPhoto: see `simsvc.errors`; the message says what to do.
    """
    _check_bytes(data, max_bytes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; it is judged below, by its effect
        image = _open(data)
        _check_frames(image)
        _check_pixels(image)
        return _load(image)


def _check_bytes(data: bytes, max_bytes: int) -> None:
    if not data:
        raise EmptyPhoto("The file is empty (0 bytes). Choose the photo again.")
    if len(data) > max_bytes:
        raise PhotoTooManyBytes(
            f"The file has {len(data) / 1e6:.1f} MB; at most {max_bytes / 1e6:.0f} MB are accepted. "
            "Save a smaller copy, or crop it to the face, and try again."
        )


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001, RUF100 - Pillow's plug-ins raise SyntaxError, struct.error, KeyError ... on hostile headers
        raise _refusal(data) from None


def _refusal(data: bytes) -> NotAnImage | UnsupportedFormat | TruncatedPhoto:
    head = data[:16].lstrip()
    for signature, name in _OTHER_SIGNATURES:
        if head.startswith(signature):
            return UnsupportedFormat(f"This file is {name}, which is not accepted. {_ADVICE}")
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return TruncatedPhoto(f"The photo's beginning is damaged, so it cannot be read. {_ADVICE}")
    return NotAnImage("This file is not a photo. Choose a JPEG, PNG, HEIC, AVIF, WebP or TIFF file.")


def _check_frames(image: Image.Image) -> None:
    if image.format in {"MPO", "HEIF", "AVIF"} and not getattr(image, "is_animated", False):
        return
    if image.format in {"MPO", "HEIF"}:
        return  # several stills of one moment (depth, burst): the first is the photo
    try:
        frames = int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001, RUF100 - counting frames parses the whole hostile file
        raise TruncatedPhoto(f"The photo is damaged, so its frames cannot be counted. {_ADVICE}") from None
    if frames > 1:
        raise AnimatedPhoto(
            f"The file holds {frames} pictures, so it is not clear which one is meant. "
            "Save the one picture as JPEG or PNG and try again."
        )


def _too_many_pixels(width_px: int = 0, height_px: int = 0, limit: int = MAX_PIXELS) -> PhotoTooManyPixels:
    what = f"has {width_px} x {height_px} pixels" if width_px else "has too many pixels"
    return PhotoTooManyPixels(
        f"The photo {what}; at most {limit / 1e6:.0f} megapixels are accepted. "
        "Save a smaller copy, or crop it to the face, and try again."
    )


def _check_pixels(image: Image.Image) -> None:
    width_px, height_px = image.size
    limit = MAX_PIXELS if image.format in {"JPEG", "MPO"} else MAX_PIXELS_FULL_DECODE
    if width_px * height_px > limit:
        raise _too_many_pixels(width_px, height_px, limit)
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise PhotoTooSmall(
            f"The photo has only {width_px} x {height_px} pixels, too few to judge a face. "
            "Choose the original photo, not a thumbnail."
        )


def _load(image: Image.Image) -> Photo:
    width_px, height_px = image.size
    kind = image.format or "unknown"
    try:
        scale = min(1.0, MAX_SIDE_PX / max(width_px, height_px))
        image.draft("RGB", (max(1, int(width_px * scale)), max(1, int(height_px * scale))))
        image.load()
        orientation = _orientation(image)
        rgb = _shrunk(_to_rgb(image))
    except MemoryError:
        raise _too_many_pixels(width_px, height_px) from None
    except Exception:  # noqa: BLE001, RUF100 - decoders raise OSError, SyntaxError, ValueError, IndexError, zlib.error ...
        raise TruncatedPhoto(
            f"The photo is damaged or incomplete, so it cannot be read to its end. {_ADVICE}"
        ) from None
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    if orientation in _QUARTER_TURNS:
        width_px, height_px = height_px, width_px
    return Photo(np.asarray(rgb), width_px, height_px, kind)


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
    """Return EXIF orientation 1..8, and 1 where it is missing, invalid or already applied (HEIF, AVIF)."""
    if image.format in {"HEIF", "AVIF"}:
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    except Exception:  # noqa: BLE001, RUF100 - damaged EXIF raises anything; the pixels are still good
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _from_wide(image)
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_wide(image: Image.Image) -> Image.Image:
    """Scale 16- and 32-bit grey to 8 bits: Pillow's own convert clips at 255 instead."""
    grey: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.asarray(image, dtype=np.float32)
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    top = 65535.0 if image.mode.startswith("I") and grey.max() > 255 else max(255.0, float(grey.max()))
    if image.mode == "F" and grey.max() <= 1.0:
        top = 1.0
    levels: RgbImage = np.clip(grey * (255.0 / top), 0, 255).astype(np.uint8)
    return Image.fromarray(levels).convert("RGB")


def _shrunk(image: Image.Image) -> Image.Image:
    longer = max(image.size)
    if longer <= MAX_SIDE_PX:
        return image
    size = tuple(max(1, round(side * MAX_SIDE_PX / longer)) for side in image.size)
    return image.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
