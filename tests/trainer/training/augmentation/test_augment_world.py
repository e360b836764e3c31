from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests.drawn_faces import draw_face
from trainer.datasets.pack import CONTEXT, CROP_PX, PACK_PX
from trainer.training.augmentation import augment_world as world
from trainer.training.augmentation.augment import KEYS, NONE, batch
from trainer.training.augmentation.draws import Draws
from trainer.training.recipes.recipe import parse

PLAIN = ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
"""Mean and deviation that leave pixels 0..255."""
NEW = ("backdrop", "gamma", "grey", "cast", "blur", "noise", "small", "compress", "cut")
SIDE_PX = 64


def faces(count: int = 4) -> torch.Tensor:
    """Return float32 (count, 3, SIDE_PX, SIDE_PX) of 0..255: drawn faces."""
    drawn = np.stack([np.asarray(draw_face(seed, SIDE_PX)) for seed in range(count)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float()


def even(level: float, count: int = 64) -> torch.Tensor:
    """Return float32 (count, 3, SIDE_PX, SIDE_PX) of one level."""
    return torch.full((count, 3, SIDE_PX, SIDE_PX), float(level))


def draws(pixels: torch.Tensor, seed: int = 0) -> Draws:
    """Return the draws of a seed."""
    return Draws(pixels, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("key", NEW)
def test_each_alone(key: str) -> None:
    """One seed gives the same pixels twice and another seed others; shape and range stay."""
    squares = np.stack([np.asarray(draw_face(seed, PACK_PX)) for seed in range(8)])
    strength = dataclasses.replace(NONE, **{key: 0.7})
    first, again, other = (
        batch(squares, CROP_PX, *PLAIN, strength, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    plain = batch(squares, CROP_PX, *PLAIN, NONE, torch.Generator().manual_seed(1))
    assert first.shape == plain.shape
    assert float(first.min()) >= -1e-3
    assert float(first.max()) <= 255 + 1e-3
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, plain)


def test_off_draws_nothing() -> None:
    """At probability 0 the pixels are what they were and so is what is drawn next."""
    pixels, generator = faces(), torch.Generator().manual_seed(3)
    before, none = generator.get_state(), Draws(pixels, generator)
    for change in (world.backdrop, world.gamma, world.grey, world.cast, world.blur, world.noise, world.cut):
        assert change(pixels, 0.0, none) is pixels
    assert world.filed(pixels, 0.0, 0.0, none) is pixels
    assert torch.equal(generator.get_state(), before)


def test_a_probability_is_one() -> None:
    """At 0.25 about a quarter of the faces change and the rest stay bit for bit."""
    pixels = faces(1).repeat(200, 1, 1, 1)
    changed = (world.blur(pixels, 0.25, draws(pixels)) != pixels).flatten(1).any(1)
    assert 30 <= int(changed.sum()) <= 70


def test_a_backdrop_spares_the_face() -> None:
    """The middle stays, the corners above take one colour, and a wider picture shows more backdrop."""
    pixels = faces()
    behind = world.backdrop(pixels, 1.0, draws(pixels))
    middle = slice(24, 40)
    assert (behind - pixels)[:, :, middle, middle].abs().max() < 1
    corner = behind[:, :, :4, :4]
    assert (corner.amax((2, 3)) - corner.amin((2, 3))).max() < 1
    wide = world.backdrop(even(100), 1.0, draws(even(100)), CONTEXT)
    narrow = world.backdrop(even(100), 1.0, draws(even(100)))
    assert (wide != 100).float().mean() > (narrow != 100).float().mean()


def test_gamma_bends_the_middle() -> None:
    """Black and white stay, and half grey goes both ways within the stated powers."""
    for level in (0.0, 255.0):
        assert (world.gamma(even(level), 1.0, draws(even(level))) - level).abs().max() < 1e-3
    powers = (world.gamma(even(127.5), 1.0, draws(even(1)))[:, 0, 0, 0] / 255).log() / np.log(0.5)
    assert powers.log().abs().max() <= world.GAMMA + 1e-3
    assert powers.min() < 0.8
    assert powers.max() > 1.2


def test_grey_is_without_colour() -> None:
    """The three channels become one, weighted as broadcasting weights them."""
    pixels = faces()
    toned = world.grey(pixels, 1.0, draws(pixels))
    assert (toned.amax(1) - toned.amin(1)).max() < 1e-3
    assert torch.allclose(toned[:, 0], 0.299 * pixels[:, 0] + 0.587 * pixels[:, 1] + 0.114 * pixels[:, 2])


def test_a_cast_keeps_its_bounds() -> None:
    """Each channel of each face has one gain within the stated bound, and the channels differ."""
    gains = world.cast(even(100), 1.0, draws(even(100))) / 100
    assert torch.equal(gains.amax((2, 3)), gains.amin((2, 3)))
    assert gains.log().abs().max() <= world.CAST + 1e-4
    assert gains[:, :, 0, 0].std(1).mean() > 0.03


def test_blur_keeps_the_light_and_takes_the_detail() -> None:
    """An even picture stays, borders included; a drawn face loses contrast of neighbours."""
    assert (world.blur(even(80), 1.0, draws(even(80))) - 80).abs().max() < 1e-3
    pixels = faces()
    soft = world.blur(pixels, 1.0, draws(pixels))
    assert (soft.diff(dim=3).abs().mean((1, 2, 3)) < pixels.diff(dim=3).abs().mean((1, 2, 3))).all()


def test_noise_grows_with_light() -> None:
    """The mean stays, the deviation is within the stated bound and larger where it is lighter."""
    dark, light = (world.noise(even(level, 16), 1.0, draws(even(level, 16))) for level in (60.0, 180.0))
    assert abs(float(light.mean()) - 180) < 0.5
    read, shot = world.NOISE_LEVELS
    assert (light.std((1, 2, 3)) <= 1.05 * np.hypot(read, shot)).all()
    assert (light.std((1, 2, 3)) > dark.std((1, 2, 3))).all()


def test_small_loses_what_its_pixels_cannot_show() -> None:
    """A fine checkerboard becomes grey at every small size, and comes back at its own size."""
    board = ((torch.arange(160)[:, None] + torch.arange(160)) % 2 * 255.0).expand(8, 3, 160, 160)
    small = world.filed(board, 1.0, 0.0, draws(board))
    assert small.shape == board.shape
    assert (small[:, :, 20:-20, 20:-20] - 127.5).abs().max() < 64


def test_compression_shows() -> None:
    """JPEG keeps the mean level and disturbs the pixels, more at lower quality."""
    pixels = faces()
    assert abs(float((world.filed(pixels, 0.0, 1.0, draws(pixels)) - pixels).mean())) < 2
    worst, best = (
        (world.jpeg_compressed(pixels[0], quality) - pixels[0]).abs().mean() for quality in (7, 50)
    )
    assert worst > best > 0


def test_a_cut_repeats_the_last_line() -> None:
    """At most the stated share of one side is lost, and every line beyond equals the last one inside."""
    ramp = torch.arange(SIDE_PX * SIDE_PX, dtype=torch.float32).view(SIDE_PX, SIDE_PX) / 20
    pixels = ramp.expand(64, 3, SIDE_PX, SIDE_PX)
    lost = (world.cut(pixels, 1.0, draws(pixels)) != pixels).float().mean((1, 2, 3))
    assert lost.max() <= world.CUT + 0.5 / SIDE_PX
    assert lost.max() > 0.2
    ends = world.cut(pixels, 1.0, draws(pixels))
    rows = (ends.diff(dim=2) == 0).all((1, 3)).sum(1)
    columns = (ends.diff(dim=3) == 0).all((1, 2)).sum(1)
    assert ((rows == 0) | (columns == 0)).all()
    assert torch.equal(torch.maximum(rows, columns), (lost * SIDE_PX).round().long())
    assert (rows > 0).any()
    assert (columns > 0).any()


def test_a_recipe_has_them() -> None:
    """Every strength is a key of a recipe, off unless it is named."""
    assert set(NEW) <= set(KEYS)
    assert all(getattr(parse("x", ""), key) == 0 for key in NEW)
    assert parse("x", "compress = 0.3").compress == 0.3
