from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from tests.trainer.datasets.drawn_photos import drawn, write_photo
from trainer.datasets import near_duplicates
from trainer.datasets.near_duplicates import MIN_SIMILARITY, DuplicatePairs, find_pairs, joined, signatures


def all_pairs(thumbnails: NDArray[np.uint8]) -> set[tuple[int, int]]:
    """Compare every pair one at a time, in float64: the oracle."""

    def edges(grey: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([(grey[:, 1:] - grey[:, :-1]).ravel(), (grey[1:] - grey[:-1]).ravel()])

    def alike(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
        a, b = edges(left), edges(right)
        return bool(a @ b >= MIN_SIMILARITY * np.sqrt((a @ a) * (b @ b)) > 0)

    grey = thumbnails.astype(np.float64)
    return {
        (i, j)
        for i in range(len(grey))
        for j in range(i + 1, len(grey))
        if alike(grey[i], grey[j]) or alike(grey[i], grey[j][:, ::-1])
    }


def as_set(thumbnails: NDArray[np.uint8]) -> set[tuple[int, int]]:
    """Return what `find_pairs` finds."""
    pairs = find_pairs(thumbnails)
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def noisy_thumbnails() -> NDArray[np.uint8]:
    """Return 20 pictures and three copies of each, from nearly exact to hardly like it, one mirrored."""
    rng = np.random.default_rng(7)
    shades = [np.asarray(drawn(seed, 32).convert("L"), dtype=np.float64) for seed in range(20)]
    copies = [
        shade + rng.normal(0, noise, (32, 32)) for shade in shades for noise in (0, *rng.uniform(1, 25, 3))
    ]
    copies[3::4] = [copy[:, ::-1] for copy in copies[3::4]]
    return np.clip(copies, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((50, 50)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.7),
        lambda image: ImageEnhance.Contrast(image).enhance(1.3),
        ImageOps.grayscale,
        ImageOps.mirror,
        lambda image: image.rotate(1.5, expand=False),
    ],
)
def test_copies_are_found(tmp_path: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    """A copy that is smaller, darker, harder, grey, mirrored or slightly turned is a near-duplicate."""
    paths = [write_photo(tmp_path / f"{seed}.jpg", seed) for seed in range(6)]
    change(drawn(2)).save(tmp_path / "copy.jpg", quality=40)
    found = signatures([*paths, tmp_path / "copy.jpg"])
    assert found.unreadable == {}
    assert as_set(found.thumbnails) == {(2, 6)}


def test_same_as_comparing_every_pair() -> None:
    """Seeking candidates at a coarse size loses no pair that comparing all of them finds."""
    thumbnails = noisy_thumbnails()
    expected = all_pairs(thumbnails)
    assert 20 <= len(expected) < 120
    assert as_set(thumbnails) == expected


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pairs, their order and their similarity do not depend on the size of the blocks."""
    thumbnails = noisy_thumbnails()
    whole = find_pairs(thumbnails)
    monkeypatch.setattr(near_duplicates, "BLOCK_CELLS", 7 * len(thumbnails))
    blocks = find_pairs(thumbnails)
    assert whole.first.tolist() == blocks.first.tolist()
    assert whole.second.tolist() == blocks.second.tolist()
    np.testing.assert_allclose(whole.similarity, blocks.similarity, rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_flat_photos_are_like_no_other(count: int) -> None:
    """Photos without any edge, and no photos at all, give no pairs."""
    assert as_set(np.full((count, 32, 32), 128, np.uint8)) == set()


def test_unreadable_files(tmp_path: Path) -> None:
    """Empty, broken and missing files are listed by position with a sentence each; the others are read."""
    good = write_photo(tmp_path / "good.jpg", 1)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "broken.jpg").write_bytes(good.read_bytes()[:300])
    paths = [tmp_path / "empty.jpg", good, tmp_path / "broken.jpg", tmp_path / "gone.jpg"]
    found = signatures(paths)
    assert sorted(found.unreadable) == [0, 2, 3]
    assert all(why.endswith(".") for why in found.unreadable.values())
    assert found.thumbnails[1].std() > 10


def test_joined_pairs() -> None:
    """Pairs of both come once each, in order, with the larger similarity."""
    one = DuplicatePairs(np.array([0, 2]), np.array([5, 3]), np.array([0.8, 0.9], np.float32))
    other = DuplicatePairs(np.array([0, 1]), np.array([5, 4]), np.array([0.95, 0.85], np.float32))
    both = joined(one, other)
    assert both.first.tolist() == [0, 1, 2]
    assert both.second.tolist() == [5, 4, 3]
    assert both.similarity.tolist() == pytest.approx([0.95, 0.85, 0.9])
