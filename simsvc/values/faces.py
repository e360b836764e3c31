"""From photo to neighbour: frozen values that validate themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RgbImage = NDArray[np.uint8]
"""uint8 (H, W, 3), red-green-blue, upright."""
FloatVector = NDArray[np.float32]


def _check_rgb(rgb: RgbImage, what: str) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"{what} must be a non-empty uint8 (H, W, 3) array, not {rgb.dtype} {rgb.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Pixels that are decoded as finely as they are asked for, as JPEG allows at halves of its size.

    Attributes:
        width_px: of the whole picture.
        height_px: of the whole picture.
        load: decodes at least so many pixels for each of the whole picture's along a side, and says how many
            they are: 0..1 each. Raises `PhotoError`.
    """

    width_px: int
    height_px: int
    load: Callable[[float], tuple[Image.Image, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo, upright, at most `steps.decode.MAX_SIDE_PX` on its longer side.

    Pillow and NumPy lay pixels out differently, and a copy costs as much as a crop: each form is made when it
    is first asked for, once.

    Attributes:
        pixels: as they were decoded: Pillow's, in mode RGB, an array as `rgb` is, or levels that are decoded
            when they are first asked for, once.
        original_width_px: width of the upload after turning upright.
        original_height_px: height of the upload after turning upright.
        format: the upload's format as Pillow names it, such as "JPEG".
    """

    pixels: RgbImage | Image.Image | Levels
    original_width_px: int
    original_height_px: int
    format: str
    _rgb: list[RgbImage] = field(default_factory=list, init=False, repr=False)
    _picture: list[Image.Image] = field(default_factory=list, init=False, repr=False)
    _coarse: list[tuple[Photo, float]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.pixels, np.ndarray):
            _check_rgb(self.pixels, "a photo")
        elif isinstance(self.pixels, Image.Image) and (self.pixels.mode != "RGB" or 0 in self.pixels.size):
            raise ValueError(f"a photo is a picture in RGB, not {self.pixels.mode} {self.pixels.size}")

    @property
    def rgb(self) -> RgbImage:
        """The pixels as uint8 (H, W, 3), RGB; nobody may write to them."""
        if isinstance(self.pixels, np.ndarray):
            return self.pixels
        if not self._rgb:
            self._rgb.append(np.asarray(self.picture))
        return self._rgb[0]

    @property
    def picture(self) -> Image.Image:
        """The pixels as Pillow holds them."""
        if isinstance(self.pixels, Image.Image):
            return self.pixels
        if not self._picture:
            self._picture.append(
                self.pixels.load(1.0)[0] if isinstance(self.pixels, Levels) else Image.fromarray(self.pixels)
            )
        return self._picture[0]

    @property
    def height_px(self) -> int:
        """Rows of `rgb`."""
        if isinstance(self.pixels, np.ndarray):
            return int(self.pixels.shape[0])
        return self.pixels.height_px if isinstance(self.pixels, Levels) else self.pixels.height

    @property
    def width_px(self) -> int:
        """Columns of `rgb`."""
        if isinstance(self.pixels, np.ndarray):
            return int(self.pixels.shape[1])
        return self.pixels.width_px if isinstance(self.pixels, Levels) else self.pixels.width

    def at_least(self, scale: float) -> tuple[Photo, float]:
        """Return the coarsest copy that shows so many pixels for each of this photo's along a side.

        Returns:
            The copy, and its own scale, `scale`..1: a place in this photo times it is the place in the copy.
            A photo that has no levels is its own copy, at 1.
        """
        if not isinstance(self.pixels, Levels) or scale > 1.0:
            return self, 1.0
        fine_enough = [copy for copy in self._coarse if copy[1] >= scale]
        if fine_enough:
            return min(fine_enough, key=lambda copy: copy[1])
        picture, shown = (self._picture[0], 1.0) if self._picture else self.pixels.load(scale)
        if shown >= 1.0:
            self._picture[:] = [picture]
            return self, 1.0
        copy = Photo(picture, self.original_width_px, self.original_height_px, self.format)
        self._coarse.append((copy, shown))
        return copy, shown


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face, in pixels of `Photo.rgb`; the box may reach over the border.

    Attributes:
        x_px: left edge.
        y_px: top edge.
        width_px: width, positive.
        height_px: height, positive.
        confidence: 0..1, the detector's own.
        landmarks_px: right eye, left eye, nose tip, right and left mouth corner (the person's own right and
            left) as (x, y), or empty where the detector gives none.
    """

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    confidence: float
    landmarks_px: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0:
            raise ValueError(f"a face box needs a positive size, not {self.width_px} x {self.height_px}")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence lies in 0..1, not {self.confidence}")

    @property
    def side_px(self) -> float:
        """Longer side of the box: the side of the squared box before widening."""
        return max(self.width_px, self.height_px)

    @property
    def area_px(self) -> float:
        """Area of the box in square pixels."""
        return self.width_px * self.height_px

    @property
    def centre_px(self) -> tuple[float, float]:
        """Centre (x, y) of the box."""
        return self.x_px + self.width_px / 2, self.y_px + self.height_px / 2

    def scaled(self, factor: float) -> Face:
        """Return the same face in the pixels of a photo resized by `factor`."""
        return Face(
            self.x_px * factor,
            self.y_px * factor,
            self.width_px * factor,
            self.height_px * factor,
            self.confidence,
            tuple((x * factor, y * factor) for x, y in self.landmarks_px),
        )


@dataclass(frozen=True, slots=True)
class PickedFace:
    """The face that is judged, and whether others stand behind it."""

    face: Face
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """THE crop: uint8 (S, S, 3), what the model sees, and what a person is shown."""

    rgb: RgbImage

    def __post_init__(self) -> None:
        _check_rgb(self.rgb, "a crop")
        if self.rgb.shape[0] != self.rgb.shape[1]:
            raise ValueError(f"a crop is square, not {self.rgb.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model says of a batch of crops in one pass.

    Attributes:
        ages_years: float32 (N,).
        embeddings: float32 (N, D), each row of unit length.
    """

    ages_years: FloatVector
    embeddings: FloatVector

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or self.ages_years.shape != (self.embeddings.shape[0],):
            raise ValueError(f"ages {self.ages_years.shape} and embeddings {self.embeddings.shape} disagree")


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One face of the gallery.

    Attributes:
        face_id: stable: a hash of source and reference, never of the label.
        age_years: the label.
        source: name of the data set it came from.
        reference: its name inside that data set; never a path of this machine.
    """

    face_id: str
    age_years: float
    source: str
    reference: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.age_years <= 130.0:
            raise ValueError(f"age {self.age_years} of {self.reference} lies outside 0..130 years")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled face near the query.

    Attributes:
        face_id: which face.
        age_years: its label.
        distance: angular, sqrt(2 (1 - cosine)), 0..2, as Annoy gives it.
    """

    face_id: str
    age_years: float
    distance: float

    @property
    def similarity(self) -> float:
        """Cosine of the two embeddings, -1..1: 1 - distance^2 / 2."""
        return 1.0 - self.distance**2 / 2.0


@dataclass(frozen=True, slots=True)
class SupportScale:
    """How far from their k-th neighbour the gallery's own faces are, each left out of the search for it.

    Attributes:
        k: which neighbour's distance.
        percentiles: the 0th to the 100th of those angular distances, ascending.
    """

    k: int
    percentiles: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.k < 1 or len(self.percentiles) != 101:
            raise ValueError(
                f"support needs k >= 1 and 101 percentiles, not {self.k}, {len(self.percentiles)}"
            )
        if not all(0.0 <= value <= 2.0 for value in self.percentiles):
            raise ValueError("angular distances lie in 0..2")
        if list(self.percentiles) != sorted(self.percentiles):
            raise ValueError("percentiles ascend")


@dataclass(frozen=True, slots=True)
class Recall:
    """Shares of the true nearest faces that an index finds.

    Attributes:
        k: nearest faces asked for.
        queries: how many questions of either kind.
        of_rows: share for faces of the index itself, 0..1.
        of_others: share for vectors beside them, as those of new photos lie, 0..1.
    """

    k: int
    queries: int
    of_rows: float
    of_others: float

    def __post_init__(self) -> None:
        if not all(0.0 <= share <= 1.0 for share in (self.of_rows, self.of_others)):
            raise ValueError(f"{self.of_rows} and {self.of_others} are no shares")

    @property
    def share(self) -> float:
        """The lower of the two."""
        return min(self.of_rows, self.of_others)
