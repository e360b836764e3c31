"""Photo quality: sharpness, exposure, face size and head pose."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.photo.border import border_gap, box_outside, crop_outside
from simsvc.domain.photo.crop import CROP_MARGIN, crop_of, crops_of, middle
from simsvc.values import Crop, Face, Photo, Quality, RgbImage

SIDE_PX = 160
"""Crop size for sharpness and exposure: fixed, so that figures are comparable, and that of the shipped model,
so that one crop serves both."""
FORMER_SIDE_PX = 128
"""Crop size for models that do not state one."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue. Source: ITU-R BT.601."""
_LUMA = np.asarray(LUMA, dtype=np.float32)
BLACK, WHITE = 5.5, 249.5
"""Luminance limits for clipped pixels: JPEG leaves few at exactly 0 or 255. Between whole levels, so that
rounding does not matter."""

BLURRED, TURNED_ASIDE, TILTED, CUT_OFF = "blurred", "turned_aside", "tilted", "cut_off"
UNCLEAR = "unclear_face"
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A minimum or maximum in model.json for an attribute of `Quality`, and the flag raised beyond it."""

    attribute: str
    flag: str
    at_least: bool
    either_side: bool = False


LIMITS: Mapping[str, Limit] = {
    "sharpness_at_least": Limit("sharpness", BLURRED, at_least=True),
    "luminance_at_least": Limit("luminance", "too_dark", at_least=True),
    "luminance_at_most": Limit("luminance", "too_bright", at_least=False),
    "bright_share_at_most": Limit("bright_share", "too_bright", at_least=False),
    "yaw_at_most": Limit("yaw", TURNED_ASIDE, at_least=False, either_side=True),
    "roll_deg_at_most": Limit("roll_deg", TILTED, at_least=False, either_side=True),
    "crop_outside_at_most": Limit("crop_outside", CUT_OFF, at_least=False),
    "box_outside_at_most": Limit("box_outside", CUT_OFF, at_least=False),
    "border_gap_at_least": Limit("border_gap", CUT_OFF, at_least=True),
    "confidence_at_least": Limit("confidence", UNCLEAR, at_least=True),
}
"""Limits by name in model.json.

The share of black pixels, the face size and the head pitch have no limits, because they do not correlate with
errors (`python -m trainer bounds`).
"""


def measure(photo: Photo, face: Face, margin: float = CROP_MARGIN, side_px: int = SIDE_PX) -> Quality:
    """Measure the quality of the face's crop at `side_px`, its box and its landmarks.

    For models with a larger margin than `CROP_MARGIN`, only the face itself is measured.
    """
    near = min(margin, CROP_MARGIN)
    return measured(crop_of(photo, face, side_px, near), photo, face, near)


def crops_for(photo: Photo, face: Face, input_px: int, side_px: int, margin: float) -> tuple[Crop, Crop]:
    """Return the model's crop, with its margin, and the crop for `measured`, cut once if possible."""
    if margin <= CROP_MARGIN:
        judged, sized = crops_of(photo, face, (input_px, side_px), margin)
        return judged, sized
    judged = crop_of(photo, face, input_px, margin)
    if round(input_px * CROP_MARGIN / margin) == side_px:
        return judged, middle(judged, margin, CROP_MARGIN)
    return judged, crop_of(photo, face, side_px)


def measured(
    crop: Crop, photo: Photo, face: Face, margin: float = CROP_MARGIN, turned_deg: int = 0
) -> Quality:
    """Return the quality of an existing crop, like `measure`, of a photo turned upright by `turned_deg`."""
    grey = luminance(crop.rgb)
    yaw, roll_deg, pitch = pose(face.landmarks_px)
    gap, cut_off = border_gap(photo, face), crop_outside(photo, face, margin)
    return Quality(
        sharpness=round(sharpness(grey), 2),
        luminance=round(float(grey.mean()), 2),
        dark_share=round(int(np.count_nonzero(grey <= BLACK)) / grey.size, 4),
        bright_share=round(int(np.count_nonzero(grey >= WHITE)) / grey.size, 4),
        face_px=round(face.side_px * photo.original_width_px / photo.width_px, 1),
        yaw=yaw,
        roll_deg=roll_deg,
        pitch=pitch,
        turned_deg=turned_deg,
        crop_outside=round(cut_off, 4),
        box_outside=round(box_outside(photo, face), 4) if cut_off or margin < 1.0 else 0.0,
        border_gap=None if gap is None else round(gap, 3),
        confidence=face.confidence,
    )


def luminance(rgb: RgbImage) -> NDArray[np.float32]:
    """Return float32 (H, W), 0..255."""
    return rgb.astype(np.float32) @ _LUMA


def sharpness(grey: NDArray[np.float32]) -> float:
    """Return the variance of the Laplacian of float32 (H, W), inside the border.

    Source: Pech-Pacheco et al., "Diatom Autofocusing in Brightfield Microscopy", ICPR 2000.
    """
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1]
    laplacian += grey[1:-1, :-2]
    laplacian += grey[1:-1, 2:]
    laplacian -= 4.0 * grey[1:-1, 1:-1]
    return float(laplacian.var())


def pose(landmarks_px: Points) -> tuple[float | None, float | None, float | None]:
    """Return (yaw, roll in degrees, pitch) as in `Quality`, or None without usable landmarks.

    These are ratios in the picture plane, not angles in space. Points are complex numbers, so one
    multiplication rotates the face upright. Source: Gee and Cipolla, "Determining the Gaze of Faces in
    Images", Image and Vision Computing 12(10), 1994.
    """
    if len(landmarks_px) != 5:
        return None, None, None
    right, left, nose, *mouth = (complex(*point) for point in landmarks_px)
    eyes, middle = left - right, (left + right) / 2
    apart = abs(eyes)
    if apart == 0.0:
        return None, None, None
    upright = (eyes / apart).conjugate()
    off, chin_wards = (nose - middle) * upright, (sum(mouth) / 2 - middle) * upright
    roll_deg = math.degrees(cmath.phase(eyes))
    pitch = round(off.imag / chin_wards.imag, 3) if chin_wards.imag > 0.0 else None
    return round(off.real / apart, 3), round(roll_deg, 1), pitch


def quality_flags(quality: Quality, thresholds: Mapping[str, float]) -> tuple[str, ...]:
    """Return the flags of all exceeded thresholds (name in `LIMITS` to value).

    A face turned to one side is not also flagged as tilted, because in profile the line through the eyes is
    unreliable.
    """
    raised = dict.fromkeys(
        LIMITS[name].flag for name, bound in thresholds.items() if _beyond(quality, LIMITS[name], bound)
    )
    if TURNED_ASIDE in raised:
        raised.pop(TILTED, None)
    return tuple(raised)


def _beyond(quality: Quality, limit: Limit, bound: float) -> bool:
    value = getattr(quality, limit.attribute)
    if value is None:
        return False  # no landmarks
    size = abs(value) if limit.either_side else value
    return bool(size < bound) if limit.at_least else bool(size > bound)
