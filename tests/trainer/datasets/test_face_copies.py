from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.drawn_faces import draw_face
from tests.trainer.datasets.drawn_photos import drawn
from trainer.datasets import face_copies, near_duplicates
from trainer.datasets.face_copies import MIN_SIMILARITY, SAME_PERSON, SIDE_PX, candidates, fit
from trainer.datasets.merge import merged


def thumbnail(seed: int, turn_deg: float = 0.0, scale: float = 1.0) -> NDArray[np.uint8]:
    """Return a thumbnail of smooth shading, turned and scaled about its middle."""
    side = round(2 * SIDE_PX / scale)
    picture = drawn(seed, 4 * SIDE_PX).rotate(turn_deg, Image.Resampling.BICUBIC)
    edge = (4 * SIDE_PX - side) // 2
    cut = picture.crop((edge, edge, edge + side, edge + side)).convert("L")
    return np.asarray(cut.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS))


@pytest.mark.parametrize(("turn_deg", "scale"), [(0, 1), (7, 1), (-4, 1.1), (2, 0.9)])
def test_a_copy_fits(turn_deg: float, scale: float) -> None:
    """A copy that lies a little turned, larger, smaller or mirrored fits; another picture does not."""
    copy = thumbnail(1, turn_deg, scale)
    assert fit(thumbnail(1), copy) > MIN_SIMILARITY
    assert fit(thumbnail(1), copy[:, ::-1]) > MIN_SIMILARITY
    assert fit(thumbnail(2), copy) < MIN_SIMILARITY


def test_nothing_fits_on_nothing() -> None:
    """A flat thumbnail is like no other, not even another flat one."""
    flat = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    assert fit(flat, flat) == 0
    assert fit(flat, thumbnail(1)) == 0


def test_candidates_are_near_and_from_two_sources() -> None:
    """Only pairs of two sources within the distance come, in order, in whatever blocks they are sought."""
    identities = np.random.default_rng(0).normal(0, 1, (9, 128)).astype(np.float32)
    for copy, of in ((7, 0), (4, 1), (8, 3)):
        identities[copy] = identities[of] + SAME_PERSON / 2 / 128**0.5
    identities[2] = np.inf
    identities[5] = identities[6] + 2 * SAME_PERSON / 128**0.5
    sources = ["a", "a", "a", "a", "a", "b", "a", "b", "b"]
    expected = [[0, 7], [3, 8]]
    assert candidates(identities, sources).tolist() == expected
    assert candidates(identities, sources, block_faces=2).tolist() == expected


def test_one_photo_in_two_framings(tmp_path: Path) -> None:
    """A face cut out of a portrait of another source is found, and both lie in one group and one split."""
    left, right = tmp_path / "left", tmp_path / "right"
    for folder in (left, right):
        folder.mkdir()
    lines = ["file,age"]
    for seed in range(3):
        portrait = drawn(seed, 480)
        portrait.paste(draw_face(seed, 300), (60, 120))
        portrait.save(left / f"{seed}.png")
        lines.append(f"{seed}.png,{30 + seed}")
    (left / "labels.csv").write_text("\n".join(lines) + "\n")
    turned = Image.open(left / "2.png").rotate(5, Image.Resampling.BICUBIC, center=(210, 270))
    turned.crop((95, 155, 325, 385)).resize((200, 200)).save(right / "cut.jpg", quality=60)
    (right / "labels.csv").write_text("file,age\ncut.jpg,30\n")
    paths = [left / "2.png", right / "cut.jpg"]
    assert not len(near_duplicates.find_pairs(near_duplicates.signatures(paths).thumbnails).first)

    data = merged({"folder:left": left, "folder:right": right}, cache=tmp_path / "cache")
    assert (data.pairs.first.tolist(), data.pairs.second.tolist()) == ([2], [3])
    assert data.groups[2] == data.groups[3]
    assert data.split[2] == data.split[3]


def test_faces_are_kept_and_put_together(tmp_path: Path) -> None:
    """Faces that were kept are read again as they were; a damaged file counts as none."""
    random = np.random.default_rng(0)
    parts = [
        face_copies.Faces(
            random.integers(0, 255, (count, SIDE_PX, SIDE_PX), dtype=np.uint8),
            random.normal(size=(count, 128)).astype(np.float32),
        )
        for count in (2, 3)
    ]
    face_copies.write(parts[0], tmp_path / "faces.npz")
    again = face_copies.read(tmp_path / "faces.npz")
    assert again is not None
    whole = face_copies.together([again, parts[1]])
    assert np.array_equal(whole.thumbnails, np.concatenate([part.thumbnails for part in parts]))
    assert np.array_equal(whole.identities, np.concatenate([part.identities for part in parts]))
    (tmp_path / "faces.npz").write_bytes(b"damaged")
    assert face_copies.read(tmp_path / "faces.npz") is None
    assert face_copies.read(tmp_path / "none.npz") is None
