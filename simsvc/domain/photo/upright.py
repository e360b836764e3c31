"""Rotate photos upright by detecting faces in rotated copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from simsvc.domain.photo.decode import AS_STORED
from simsvc.domain.photo.face_choice import MIN_CONFIDENCE
from simsvc.domain.photo.multiscale import COARSE, FIRST_LOOK_PX, WORKING_SIDE_PX
from simsvc.domain.photo.quality import pose
from simsvc.values import DecodedLevels, Face, Photo

Detect = Callable[[Photo], tuple[Face, ...]]

TURNED_UPRIGHT = "turned_upright"

SURE_CONFIDENCE = 0.92
"""Minimum confidence to accept the photo as upright without trying rotations. Of upright photos 2% lie below
it (us_congress, bundestag, UTKFace), 6% (fgnet) or 21% (faces of 65 px), of photos upside down almost none
above. Source, like that of every constant here: photos turned by every angle, `python -m trainer bounds`."""
TURNED_CONFIDENCE = 0.9
"""Minimum confidence of a rotated copy, higher because more tries find more: dogs reach 0.88 at some angle.
Fainter faces are withheld by `confidence_at_least` of model.json."""
SURE_ROLL_DEG = 10.0
"""Maximum tilt of the eye line; at 20 degrees the landmarks show 10 or less."""
QUARTER_DEG, COARSE_DEG, FINE_DEG = 90, 45, 15
"""Rotations tried: by quarters, then by eighths, then around the best of those."""
CLEAR = 0.15
"""Minimum lead of the best quarter turn over its two neighbours to accept it. Upright faces lead by 0.2 to
0.9; a face at 45 degrees scores alike on both sides."""
WEIGHED = 0.06
"""Rotations within this of the best one are averaged, weighted by the remainder."""
SNAP_DEG = 5
"""Rotations this close to a quarter turn are rounded to it, which keeps every pixel."""
FACE_PX = 240.0
"""Longer side of the face in a copy rotated by other angles: 1.5 times a crop of 160 px."""
LOOK_FACE_PX = 80.0
"""And in the copies that are only looked at: see `looks.FIRST_LOOK_FACE_PX`."""
GREY = (127, 127, 127)
_QUARTERS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


@dataclass(frozen=True, slots=True, eq=False)
class Upright:
    """A photo, rotated counter-clockwise by 0..359 degrees if necessary, and its faces, largest first."""

    photo: Photo
    faces: tuple[Face, ...]
    turned_deg: int = 0

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the rotation."""
        return (TURNED_UPRIGHT,) if self.turned_deg else ()


def looked_at(photo: Photo, detect: Detect, reading: int) -> Upright:
    """Return a photo and its faces, rotated upright if the model's reading requires it."""
    return upright(photo, detect) if reading > AS_STORED else Upright(photo, detect(photo))


def upright(photo: Photo, detect: Detect) -> Upright:
    """Return the photo rotated so that the detector is most confident of its main face.

    If the upright photo is not confident enough, quarter turns are tried, and if none is clearly best,
    rotations between them, of which the middle is used. The photo is unchanged if no rotation is better.
    """
    faces = detect(photo)
    if _is_sure(faces):
        return Upright(photo, faces)
    looks = _Looks(photo, faces, detect)
    deg = looks.turn()
    if deg == 0:
        return Upright(photo, faces)
    right = turned(photo, deg, looks.face_px(deg))
    found = detect(right)
    if confidence(found) < TURNED_CONFIDENCE or confidence(found) <= confidence(faces):
        return Upright(photo, faces)
    return Upright(right, found, deg)


class _Looks:
    def __init__(self, photo: Photo, faces: Sequence[Face], detect: Detect) -> None:
        self._small = _small(photo, _look_px(photo, faces))
        self._scale = self._small.width_px / photo.width_px
        self._detect = detect
        self._seen: dict[int, tuple[Face, ...]] = {}

    def score(self, deg: int) -> float:
        """Return the confidence of the main face after this rotation."""
        if deg % 360 not in self._seen:
            self._seen[deg % 360] = self._detect(_look_turned(self._small, deg))
        return confidence(self._seen[deg % 360])

    def turn(self) -> int:
        """Return the rotation to upright, 0..359 degrees counter-clockwise."""
        best = self._best(range(0, 360, QUARTER_DEG))
        aside = max(self.score(best - QUARTER_DEG), self.score(best + QUARTER_DEG))
        if self.score(best) >= max(MIN_CONFIDENCE, aside + CLEAR):
            return best
        best = self._best(range(0, 360, COARSE_DEG))
        if self.score(best) < MIN_CONFIDENCE - WEIGHED:
            return 0
        around = [best + step * FINE_DEG for step in range(-3, 4)]
        most = max(self.score(deg) for deg in around)
        weights = [max(0.0, self.score(deg) - most + WEIGHED) for deg in around]
        middle = sum(deg * weight for deg, weight in zip(around, weights, strict=True)) / sum(weights)
        nearest = round(middle / QUARTER_DEG) * QUARTER_DEG
        return (nearest if abs(middle - nearest) <= SNAP_DEG else round(middle)) % 360

    def _best(self, angles: Iterable[int]) -> int:
        return max(angles, key=self.score)

    def face_px(self, deg: int) -> float:
        """Return the longer side of the main face in pixels of the photo."""
        self.score(deg)
        face = main_face(self._seen[deg % 360])
        return (face.side_px if face else 1.0) / self._scale


def main_face(faces: Sequence[Face]) -> Face | None:
    """Return the largest confident face, else the most confident one, or None."""
    sure = [face for face in faces if face.confidence >= MIN_CONFIDENCE]
    if sure:
        return max(sure, key=lambda face: face.area_px)
    return max(faces, key=lambda face: face.confidence, default=None)


def confidence(faces: Sequence[Face]) -> float:
    """Return the confidence of the main face, 0..1; 0 without a face."""
    face = main_face(faces)
    return face.confidence if face else 0.0


def _is_sure(faces: Sequence[Face]) -> bool:
    face = main_face(faces)
    if face is None or face.confidence < SURE_CONFIDENCE:
        return False
    roll_deg = pose(face.landmarks_px)[1]
    return roll_deg is None or abs(roll_deg) <= SURE_ROLL_DEG


def _look_px(photo: Photo, faces: Sequence[Face]) -> int:
    face = main_face(faces)
    if face is None:
        return WORKING_SIDE_PX
    wanted = LOOK_FACE_PX / face.side_px * max(photo.width_px, photo.height_px)
    return round(min(max(wanted, FIRST_LOOK_PX), WORKING_SIDE_PX))


def _small(photo: Photo, side_px: int) -> Photo:
    scale = side_px / max(photo.width_px, photo.height_px)
    if scale >= 1.0:
        return photo
    picture = _reduced(photo, scale)
    return Photo(picture, *picture.size, photo.format)


def _look_turned(photo: Photo, deg: int) -> Photo:
    if deg % QUARTER_DEG == 0:
        return turned(photo, deg)
    picture = photo.picture.rotate(deg, Image.Resampling.BILINEAR, expand=True, fillcolor=GREY)
    return Photo(picture, *picture.size, photo.format)


def turned(photo: Photo, deg: int, face_px: float = FACE_PX) -> Photo:
    """Return the photo rotated counter-clockwise by whole degrees, its border replicated into the corners.

    Quarter turns keep every pixel and undecoded levels. Other rotations use a copy in which the face, whose
    longer side is `face_px`, keeps up to `FACE_PX` pixels, enough for the crop.
    """
    deg %= 360
    if deg == 0:
        return photo
    if deg in _QUARTERS:
        return _quarter_turned(photo, deg)
    scale = min(1.0, FACE_PX / face_px)
    picture = _reduced(photo, scale)
    upload_px = photo.original_width_px / picture.width
    rotated, corners = _rotated(picture, deg)
    width, height = (round(side * upload_px) for side in rotated.size)
    return Photo(rotated, width, height, photo.format, corners)


def _reduced(photo: Photo, scale: float) -> Image.Image:
    shown, at = photo.at_least(scale)
    if scale >= at:
        return shown.picture
    size = (max(1, round(photo.width_px * scale)), max(1, round(photo.height_px * scale)))
    return shown.picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=COARSE)


def _quarter_turned(photo: Photo, deg: int) -> Photo:
    turn, aside = _QUARTERS[deg], deg != 180
    original = photo.original_width_px, photo.original_height_px
    if aside:
        original = original[1], original[0]
    if not isinstance(photo.pixels, DecodedLevels):
        return Photo(photo.picture.transpose(turn), *original, photo.format)

    def load(scale: float) -> tuple[Image.Image, float]:
        shown, at = photo.at_least(scale)
        return shown.picture.transpose(turn), at

    size = photo.width_px, photo.height_px
    return Photo(DecodedLevels(*(size[::-1] if aside else size), load), *original, photo.format)


def _rotated(picture: Image.Image, deg: int) -> tuple[Image.Image, tuple[tuple[float, float], ...]]:
    """Return the picture rotated counter-clockwise and enlarged to fit, and its corners."""
    width, height = picture.size
    cos, sin = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    sides = [math.ceil(abs(a * cos) + abs(b * sin)) for a, b in ((width, height), (height, width))]
    across = math.hypot(*sides)
    x, y = (max(0, math.ceil((across - side) / 2)) for side in (width, height))
    padded = np.pad(np.asarray(picture), ((y, y), (x, x), (0, 0)), mode="edge")
    whole = Image.fromarray(padded).rotate(deg, Image.Resampling.BILINEAR)
    left, top = (whole.width - sides[0]) // 2, (whole.height - sides[1]) // 2
    corners = []
    for dx, dy in ((-width, -height), (width, -height), (width, height), (-width, height)):
        at_x, at_y = cos * dx + sin * dy, cos * dy - sin * dx
        corners.append((at_x / 2 + whole.width / 2 - left, at_y / 2 + whole.height / 2 - top))
    return whole.crop((left, top, left + sides[0], top + sides[1])), tuple(corners)
