"""Cartoon faces that the detector takes for faces, so that unit tests need no photo of anyone."""

from __future__ import annotations

import functools
import random

from PIL import Image, ImageDraw, ImageFilter

_UNIT = 400
"""Side of the canvas that is drawn on, before it is resized."""
SURE_PX = 224
"""Side of a face that the detector is sure of. Of half of those of 200 px it is not, and these are looked at
turned, too. At some sides, such as 220 and 256 px, the tests' model takes two faces of a gallery for one."""
Colour = tuple[int, int, int]


def draw_face(seed: int, size_px: int = 200) -> Image.Image:
    """Return an RGB drawing of one frontal face; the same seed gives the same pixels."""
    return _canvas(seed).resize((size_px, size_px), Image.Resampling.LANCZOS)


@functools.lru_cache(64)  # most tests draw the faces of the same few seeds
def _canvas(seed: int) -> Image.Image:
    dice = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    skin = _shade(dice.choice([(236, 196, 168), (224, 172, 138), (198, 142, 104), (150, 102, 72)]), dice)
    image = Image.new("RGB", (_UNIT, _UNIT), _shade((150, 160, 170), dice, 60))
    pen = ImageDraw.Draw(image)
    _body_and_hair(pen, skin, dice)
    _head(image, skin, dice)
    _features(image, skin, dice)
    return image.filter(ImageFilter.GaussianBlur(2.0))


def _shade(colour: Colour, dice: random.Random, spread: int = 12) -> Colour:
    r, g, b = (max(0, min(255, c + dice.randint(-spread, spread))) for c in colour)
    return r, g, b


def _times(colour: Colour, factor: float) -> Colour:
    r, g, b = (max(0, min(255, round(c * factor))) for c in colour)
    return r, g, b


def _body_and_hair(pen: ImageDraw.ImageDraw, skin: Colour, dice: random.Random) -> None:
    hair = _shade(dice.choice([(40, 28, 20), (92, 62, 36), (170, 130, 70), (120, 120, 120)]), dice)
    length = dice.randint(210, 340)
    pen.ellipse((78, 30, 322, length), fill=hair)
    pen.rectangle((155, 290, 245, 400), fill=_times(skin, 0.8))
    pen.ellipse((40, 350, 360, 520), fill=_shade((70, 80, 120), dice, 60))


def _head(image: Image.Image, skin: Colour, dice: random.Random) -> None:
    width = dice.randint(96, 106)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).ellipse((200 - width, 68, 200 + width, 345), fill=255)
    shading = Image.new("RGB", image.size, _times(skin, 0.72))
    pen = ImageDraw.Draw(shading)
    for step in range(30):
        pen.ellipse(
            (200 - width + 2 * step, 62 + 2 * step, 200 + width - 2 * step, 352 - 4 * step),
            fill=_times(skin, 0.72 + 0.012 * step),
        )
    image.paste(
        shading.filter(ImageFilter.GaussianBlur(10)), (0, 0), mask.filter(ImageFilter.GaussianBlur(2))
    )


def _features(image: Image.Image, skin: Colour, dice: random.Random) -> None:
    pen = ImageDraw.Draw(image)
    eye_y, apart = 186 + dice.randint(-6, 6), 44 + dice.randint(-3, 4)
    for side in (-1, 1):
        _eye(pen, 200 + side * apart, eye_y, skin, dice)
    dark = _times(skin, 0.62)
    pen.line((190, 196, 184, 244), fill=_times(skin, 0.86), width=6)
    pen.ellipse((178, 232, 222, 258), fill=_times(skin, 0.9))
    pen.ellipse((182, 246, 195, 256), fill=dark)
    pen.ellipse((205, 246, 218, 256), fill=dark)
    _mouth(pen, skin, dice)


def _eye(pen: ImageDraw.ImageDraw, x: int, y: int, skin: Colour, dice: random.Random) -> None:
    pen.ellipse((x - 30, y - 20, x + 30, y + 18), fill=_times(skin, 0.78))
    pen.ellipse((x - 22, y - 10, x + 22, y + 11), fill=(238, 236, 232))
    pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=_shade((60, 50, 40), dice, 15))
    pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(10, 10, 10))
    pen.arc((x - 24, y - 13, x + 24, y + 16), 190, 350, fill=(30, 22, 18), width=4)
    pen.arc((x - 30, y - 34, x + 30, y + 6), 205, 335, fill=(50, 36, 26), width=dice.randint(6, 10))


def _mouth(pen: ImageDraw.ImageDraw, skin: Colour, dice: random.Random) -> None:
    half, y = dice.randint(34, 42), 288 + dice.randint(-4, 4)
    red = (min(255, round(skin[0] * 0.82)), round(skin[1] * 0.52), round(skin[2] * 0.55))
    pen.ellipse((200 - half, y - 13, 200 + half, y + 15), fill=red)
    pen.line((200 - half + 4, y, 200 + half - 4, y), fill=_times(red, 0.5), width=4)
    pen.arc((170, y + 2, 230, y + 34), 30, 150, fill=_times(skin, 0.75), width=4)
