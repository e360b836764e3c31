from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from simsvc.values import RgbImage
from tests.drawn_faces import draw_face
from trainer.gallery import align
from trainer.models.identity import similarity

MARKS = np.array([[70.0, 90.0], [128.0, 84.0], [104.0, 118.0], [80.0, 150.0], [130.0, 144.0]])
"""Right eye, left eye, nose, mouth corners of a face turned a little, in a photo of 200 px."""


def marked(landmarks: NDArray[np.float64], size_px: int = 200) -> RgbImage:
    """Return a black photo with a soft white dot on every landmark."""
    y, x = np.mgrid[:size_px, :size_px]
    dots = sum(255 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 2.5**2)) for a, b in landmarks)
    return np.repeat(np.clip(dots, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def centroid(image: NDArray[np.float64], near: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centre of gravity (x, y) of the brightness within 9 px of a point."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.mean(axis=2) * ((x - near[0]) ** 2 + (y - near[1]) ** 2 < 81)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@given(
    st.floats(-3.1, 3.1),
    st.floats(0.2, 5),
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.sampled_from([2, 3, 5]),
)
def test_similarity_recovers_itself(angle: float, scale: float, dx: float, dy: float, count: int) -> None:
    """From points and their images the rotation, scale and shift that made them are found again."""
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    made = np.array([[a, -b, dx], [b, a, dy]])
    target = align.apply(made, MARKS[:count])
    assert similarity(MARKS[:count], target) == pytest.approx(made, abs=1e-6)


def test_similarity_is_the_least_squares_fit() -> None:
    """Between shapes that do not match no small change of the four numbers fits better."""
    target = MARKS + np.array([[3, 0], [-2, 4], [0, -5], [4, 1], [-1, 2.0]])
    matrix = similarity(MARKS, target)
    best = ((align.apply(matrix, MARKS) - target) ** 2).sum()
    assert matrix[0, 0] == matrix[1, 1]
    assert matrix[0, 1] == -matrix[1, 0]
    for change in (
        [[1, 0, 0], [0, 1, 0]],
        [[0, -1, 0], [1, 0, 0]],
        [[0, 0, 9], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 9]],
    ):
        for sign in (-0.01, 0.01):
            assert ((align.apply(matrix + sign * np.array(change), MARKS) - target) ** 2).sum() > best


def test_canonical_eyes() -> None:
    """The shape has its eyes on their places and keeps the face's proportions."""
    shape = align.canonical(MARKS)
    assert shape[:2] == pytest.approx(np.array(align.EYES_PX))
    eyes, mouth = (np.linalg.norm(MARKS[i] - MARKS[i + 1]) for i in (0, 3))
    assert np.linalg.norm(shape[3] - shape[4]) == pytest.approx(62 * mouth / eyes)


def test_warp_brings_landmarks_onto_targets() -> None:
    """Dots drawn on the landmarks of a photo land on the target places, to a third of a pixel."""
    target = np.array([[49.0, 52.0], [111.0, 52.0], [80.0, 90.0], [57.0, 118.0], [103.0, 120.0]])
    image = align.warp(marked(MARKS), MARKS, target)
    assert image.shape == (align.GALLERY_PX, align.GALLERY_PX, 3)
    for place in target:
        assert centroid(image, place) == pytest.approx(place, abs=0.35)


def test_warp_onto_itself() -> None:
    """A face whose landmarks lie on the targets already stays as it is."""
    face = np.asarray(draw_face(1, align.GALLERY_PX))
    target = np.array([[49.0, 52.0], [111.0, 52.0], [80.0, 90.0], [57.0, 118.0], [103.0, 120.0]])
    assert align.warp(face, target, target) == pytest.approx(face, abs=1e-3)


def test_composite_of_one_face() -> None:
    """Six times the same face is that face, aligned, and its members agree fully."""
    face = np.asarray(draw_face(2))
    mean, agreement = align.composite([face] * 6, [MARKS] * 6)
    alone = align.warp(face, MARKS, align.canonical(MARKS))
    assert mean.dtype == np.uint8
    assert np.abs(mean - alone).max() <= 0.51
    assert agreement == pytest.approx(1, abs=1e-6)


def test_composite_of_one_face_seen_differently() -> None:
    """The same face in photos of other size, place and light is aligned, so that its members agree."""
    face = draw_face(3, 240)
    small, dark = face.resize((180, 180)), face.point([round(v * 0.6) for v in range(256)] * 3)
    marks = MARKS * 1.2
    faces = [np.asarray(image) for image in (face, small, dark)]
    mean, agreement = align.composite(faces, [marks, (marks + 0.5) * 0.75 - 0.5, marks])
    alone = align.warp(faces[0], marks, align.canonical(marks))
    assert agreement > 0.99
    both = mean[20:140, 20:140].ravel().astype(float), alone[20:140, 20:140].ravel()
    assert np.corrcoef(*both)[0, 1] > 0.99
    assert mean.mean() == pytest.approx(np.mean([f.mean() for f in faces]), abs=12)


def test_strangers_agree_less() -> None:
    """Different faces agree less than one face with itself, and one out of place less still."""
    faces = [np.asarray(draw_face(seed)) for seed in range(6)]
    _, strangers = align.composite(faces, [MARKS] * 6)
    moved = [*faces[:5], np.roll(faces[5], 40, axis=0)]
    _, displaced = align.composite(moved, [MARKS] * 6)
    assert displaced < strangers < 1


def test_looks() -> None:
    """Looks are of unit length and zero mean, and see one face as the same at another size and light."""
    face = draw_face(4)
    near = align.looks(np.asarray(face), MARKS)
    assert near.shape == (align.LOOKS_PX**2,)
    assert near.dtype == np.float32
    assert float(near @ near) == pytest.approx(1, abs=1e-5)
    assert float(near.mean()) == pytest.approx(0, abs=1e-6)
    large = face.resize((300, 300), Image.Resampling.BICUBIC).point(
        [round(20 + v * 0.7) for v in range(256)] * 3
    )
    again = align.looks(np.asarray(large), (MARKS + 0.5) * 1.5 - 0.5)
    other = align.looks(np.asarray(draw_face(5)), MARKS)
    moved = align.looks(np.asarray(face), MARKS + 15)
    assert float(near @ again) > 0.985
    assert float(near @ again) > max(float(near @ other), float(near @ moved))
