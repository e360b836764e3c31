from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from simsvc.domain.gallery.importing.same_photo import Look, miniature, miniature_of_jpeg
from tests.drawn_faces import draw_face

Change = Callable[[Image.Image], Image.Image]


def again(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def looks_the_same(one: Image.Image, other: Image.Image) -> bool:
    return Look(miniature(np.asarray(one))).same_photo(miniature(np.asarray(other)))


CHANGES: dict[str, Change] = {
    "nothing": lambda image: image,
    "JPEG of quality 30": lambda image: again(image, 30),
    "half the size": lambda image: image.resize((80, 80)),
    "twice the size": lambda image: image.resize((320, 320)),
    "mirrored": ImageOps.mirror,
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "framed a little differently": lambda image: image.crop((3, 5, 157, 159)).resize((160, 160)),
    "all of it": lambda image: again(ImageOps.mirror(image).resize((120, 120)), 40),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_copy_is_told(seed: int, change: Change) -> None:
    """However a photo was saved again, its face is cut from the same photo."""
    face = draw_face(seed, 160)
    assert looks_the_same(face, change(face))


@pytest.mark.parametrize("seed", [2, 3, 5, 6])
def test_another_face_is_no_copy(seed: int) -> None:
    """Drawings of two faces are two photos."""
    assert not looks_the_same(draw_face(1, 160), draw_face(seed, 160))


def test_a_thumbnail_is_as_good_as_the_crop() -> None:
    """What is kept of a face of the gallery, a JPEG, is enough."""
    buffer = io.BytesIO()
    draw_face(4, 160).save(buffer, "JPEG", quality=82)
    assert Look(miniature(np.asarray(draw_face(4, 160)))).same_photo(miniature_of_jpeg(buffer.getvalue()))


@pytest.mark.parametrize("data", [b"", b"jpeg"])
def test_what_is_no_picture_is_like_nothing(data: bytes) -> None:
    """Bytes that are no picture are no copy, not even of each other."""
    assert not Look(miniature_of_jpeg(data)).same_photo(miniature_of_jpeg(data))
    assert not Look(miniature(np.asarray(draw_face(4, 160)))).same_photo(miniature_of_jpeg(data))
