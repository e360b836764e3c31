"""What a photo offers for judging the face: sharpness, exposure, size, and how the head is held."""

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
"""Side of the crop that sharpness and exposure are measured on: one size, so that figures compare, and the
shipped model's own, so that one crop serves both. Bounds say which size they are of."""
FORMER_SIDE_PX = 128
"""Size that the bounds of models are of that do not say so; their estimates are replayed with it."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue. Source: ITU-R BT.601."""
_LUMA = np.asarray(LUMA, dtype=np.float32)
BLACK, WHITE = 5.5, 249.5
"""Luminance up to and from which a pixel counts as clipped: JPEG leaves few at exactly 0 or 255.
Between whole levels, so that rounding decides nothing."""

BLURRED, TURNED_ASIDE, TILTED, CUT_OFF = "blurred", "turned_aside", "tilted", "cut_off"
UNCLEAR = "unclear_face"
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold that model.json may state.

    Attributes:
        attribute: of `Quality`.
        flag: raised on the wrong side of the threshold.
        at_least: whether values below the threshold are wrong, or those above.
        either_side: whether the value's size counts, whatever its sign.
    """

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
"""Name in model.json to what it limits.

The share of black pixels, the size of the face (from the least that is judged at all) and how far it is
turned up or down limit nothing: no value of them goes with larger errors (`python -m trainer bounds`).
"""


def measure(photo: Photo, face: Face, margin: float = CROP_MARGIN, side_px: int = SIDE_PX) -> Quality:
    """Measure the face's crop, cut as the model's but `side_px` wide, its box, and its landmarks.

    Where a model sees more than `CROP_MARGIN`, quality is that of the face without what surrounds it.
    """
    near = min(margin, CROP_MARGIN)
    return measured(crop_of(photo, face, side_px, near), photo, face, near)


def crops_for(photo: Photo, face: Face, input_px: int, side_px: int, margin: float) -> tuple[Crop, Crop]:
    """Return the crop that a model judges and the one that `measured` takes, cut out once where that can be.

    Args:
        photo: that shows the face.
        face: in pixels of the photo.
        input_px: side of the model's crop.
        side_px: side of the crop that is measured.
        margin: of the model's crop.
    """
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
    """Return what `measure` does of a crop that is cut already.

    Args:
        crop: of the face.
        photo: that it was cut out of.
        face: in pixels of the photo.
        margin: side of the crop over the longer side of the face's box.
        turned_deg: how far the photo was turned upright before.
    """
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
    """Return (yaw, roll in degrees, pitch) as `Quality` defines them, or None where landmarks do not tell.

    They are ratios in the picture's plane: hints, no angles in space. A point is x + y i here: the face is
    turned upright by one multiplication.
    Source: Gee and Cipolla, "Determining the Gaze of Faces in Images", Image and Vision Computing 12(10),
    1994, who read the head's direction off the ratios of such distances.
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
    """Return the flags of every threshold (name in `LIMITS` to value) that is not kept.

    A face that is turned aside is not called tilted as well: in profile its eyes lie so close together that
    the line through them tells nothing.
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
        return False  # no landmarks: nothing is known, and nothing is claimed
    size = abs(value) if limit.either_side else value
    return bool(size < bound) if limit.at_least else bool(size > bound)
