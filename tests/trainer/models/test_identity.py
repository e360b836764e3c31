from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.values import Photo
from tests.drawn_faces import draw_face
from trainer.gallery.sets import SAME_PERSON
from trainer.models import identity


def chip_of(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Detect the face of a drawing and return its chip."""
    rgb = np.asarray(image)
    (face, *_) = OnnxDetector().detect(Photo(rgb, image.width, image.height, "PNG"))
    return identity.chip(rgb, np.array(face.landmarks_px))


def test_chip_has_the_eyes_in_place() -> None:
    """Dots drawn on the eyes of a tilted face land where the network expects the eyes."""
    marks = np.array([[80.0, 100.0], [140.0, 84.0], [115.0, 130.0], [95.0, 160.0], [140.0, 150.0]])
    y, x = np.mgrid[:240, :240]
    dots = sum(255 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in marks[:2])
    photo = np.repeat(np.clip(dots, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    chip = identity.chip(photo, marks)
    assert chip.shape == (identity.CHIP_PX, identity.CHIP_PX, 3)
    y, x = np.mgrid[: identity.CHIP_PX, : identity.CHIP_PX]
    for eye in identity.EYES_PX:
        weight = chip.mean(axis=2) * ((x - eye[0]) ** 2 + (y - eye[1]) ** 2 < 200)
        centre = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
        assert centre == pytest.approx(eye, abs=1)


def test_embeddings_follow_the_face() -> None:
    """One drawn face at two sizes is one person to the network, and nearer to itself than to others."""
    network = identity.Identity()
    images = [draw_face(3, 200), draw_face(3, 260), draw_face(4, 200), draw_face(11, 200)]
    found = identity.embeddings(network, np.stack([chip_of(image) for image in images]))
    assert found.shape == (4, identity.DIMS)
    assert found.dtype == np.float32
    same, *others = np.linalg.norm(found[1:] - found[0], axis=1)
    assert same < SAME_PERSON
    assert same < min(others)
