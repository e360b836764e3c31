"""Convert photos to sRGB by their colour profiles."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

MOST_BYTES = 4_000_000
"""Largest profile read: those of printing presses have 0.5 to 2.8 MB."""
KEPT = 16
"""Cached transforms: most photos have one of a few profiles."""
ALIKE = 1
"""Levels of 255 within which a profile counts as sRGB, about the rounding error."""
MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
"""Pillow mode by a profile's colour space. Source: ICC.1:2022, table 19."""
_CUBE_STEPS = 9
_SRGB = ImageCms.createProfile("sRGB")

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue, as PNG's cHRM has them."""
BT709: Chromaticities = (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
PRIMARIES: dict[int, Chromaticities] = {
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""ColourPrimaries that differ visibly from sRGB's. Source: ITU-T H.273, table 2."""
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
"""TransferCharacteristics that are a power; others except HDR are treated as sRGB's curve, as in browsers.
Source: ITU-T H.273, table 3."""
HDR = frozenset({16, 18})
"""PQ and HLG, which cannot be converted to sRGB by a profile."""
GAMMA_OF_SRGB = 0.45455
"""Gamma that PNG encoders write for sRGB. Source: PNG (Third Edition), section 11.3.2.5."""


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in sRGB by its profile; a missing, damaged, mismatched or oversized one is ignored."""
    transform = _transform(profile, image.mode) if profile and len(profile) <= MOST_BYTES else None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    converted = transform.apply(image)
    return converted if isinstance(converted, Image.Image) else image.convert("RGB")


def converts(profile: bytes | None, mode: str) -> bool:
    """Return whether `in_srgb` changes pixels of that mode."""
    return bool(profile) and len(profile or b"") <= MOST_BYTES and _transform(profile, mode) is not None


@lru_cache(maxsize=KEPT)
def _transform(profile: bytes, mode: str) -> Any:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if MODES.get(opened.profile.xcolor_space) != mode:
            return None
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        transform = ImageCms.buildTransform(opened, _SRGB, mode, "RGB", intent, flags)
        return None if _changes_nothing(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether no colour of a cube changes by more than `ALIKE` levels."""
    steps = np.linspace(0, 255, _CUBE_STEPS).astype(np.uint8)
    if mode == "L":
        grey = np.arange(256, dtype=np.uint8)[np.newaxis]
        before = Image.fromarray(grey)
    elif mode == "RGB":
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        before = Image.fromarray(cube)
    else:
        return False
    after = np.asarray(transform.apply(before)).astype(np.int16)
    return bool(np.abs(after - np.asarray(before.convert("RGB")).astype(np.int16)).max() <= ALIKE)


def profile_of(image: Image.Image, data: bytes) -> bytes | None:
    """Return the profile of an opened photo, embedded or made from other metadata of its file."""
    info = image.info
    said = _coded(image, data)
    if said is not None and image.format == "PNG":
        return coded_profile(*said)
    embedded = info.get("icc_profile")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if said is not None:
        return coded_profile(*said)
    if image.format == "PNG" and "srgb" not in info:
        return _png_profile(info)
    return None


def _coded(image: Image.Image, data: bytes) -> tuple[int, int] | None:
    if image.format == "HEIF":
        said = image.info.get("nclx_profile") or {}
        return said.get("color_primaries", 2), said.get("transfer_characteristics", 2)
    return _cicp(data) if image.format in {"PNG", "AVIF"} else None


def _cicp(data: bytes) -> tuple[int, int] | None:
    """Return the code points of primaries and transfer in a PNG or AVIF, or None.

    Source: PNG (Third Edition), section 11.3.2.6, cICP; ISO/IEC 14496-12, ColourInformationBox, "nclx".
    """
    if data.startswith(b"\x89PNG"):
        at = data.find(b"\x00\x00\x00\x04cICP", 0, 65_536)
        return (data[at + 8], data[at + 9]) if at >= 0 and len(data) > at + 9 else None
    at = data.find(b"colrnclx", 0, 1_000_000)
    return (
        (int.from_bytes(data[at + 8 : at + 10]), int.from_bytes(data[at + 10 : at + 12])) if at >= 0 else None
    )


def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the profile for coding-independent code points, or None for sRGB."""
    if transfer in HDR or (primaries not in PRIMARIES and transfer not in GAMMAS):
        return None
    return matrix_profile(PRIMARIES.get(primaries, BT709), GAMMAS.get(transfer))


def _png_profile(info: dict[str | tuple[int, int], Any]) -> bytes | None:
    gamma, places = info.get("gamma"), info.get("chromaticity")
    power = None if not gamma or abs(gamma - GAMMA_OF_SRGB) < 0.001 else 1.0 / gamma
    if power is None and not places:
        return None
    return matrix_profile(places or BT709, power)


@lru_cache(maxsize=KEPT)
def matrix_profile(places: Chromaticities, gamma: float | None) -> bytes | None:
    """Return a profile of primaries, white and curve, or None if they are not valid.

    `places` are x and y of white, red, green and blue; `gamma` is the exponent to linear light, None: sRGB's.
    Source: ICC.1:2022, sections 7.2 (header), 9.2 (tags), 10.6 and 10.18 (curves); annex E (Bradford).
    """
    try:
        columns = _to_d50(places)
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError):
        return None
    if not np.isfinite(columns).all() or np.abs(columns).max() > 4.0:
        return None
    curve = _curve(gamma)
    tags = [
        (name, b"XYZ \0\0\0\0" + _fixed(columns[:, at]))
        for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    tags.append((b"wtpt", b"XYZ \0\0\0\0" + _fixed(_D50)))
    return _icc(tags)


_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _to_d50(places: Chromaticities) -> Any:
    """Return XYZ of red, green and blue as columns, adapted to D50."""
    white, *primaries = (
        np.array([x / y, 1.0, (1.0 - x - y) / y]) for x, y in zip(places[::2], places[1::2], strict=True)
    )
    matrix = np.stack(primaries, axis=1)
    matrix = matrix * np.linalg.solve(matrix, white)
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ matrix


def _fixed(values: Sequence[float] | Any) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def _curve(gamma: float | None) -> bytes:
    """Return a parametric curve: a power, or IEC 61966-2-1's."""
    if gamma is not None:
        return struct.pack(">4sIHH", b"para", 0, 0, 0) + _fixed([gamma])
    return struct.pack(">4sIHH", b"para", 0, 3, 0) + _fixed(
        [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]
    )


def _icc(tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + _fixed(_D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
