"""One photo in two data sets: detected by the face, because data sets frame photos differently.

UTKFace shows a face cut close, upright and 200 px wide, where another set has the whole portrait. Signatures
of whole photos (`near_duplicates`) cannot tell that both are one photo. Here pairs of photos from different
sources that look like one person are laid over each other, the faces turned, scaled and shifted a little
until they fit best: another photo of the same person never fits as a copy does.
"""

from __future__ import annotations

import itertools
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import affine_transform
from tqdm import tqdm

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.errors import PhotoError
from trainer.datasets.near_duplicates import DuplicatePairs, gradients
from trainer.models import identity

SIDE_PX = 50  # side of a face's thumbnail: a third of the chip that the identity network takes
INNER_PX = 38  # side of its middle, which is compared; the rest is room to move in
SAME_PERSON = 0.4
"""Largest identity distance of a pair that is looked at. Of 274 photos of US Congress, Bundestag, FG-NET and
UTKFace that were cut close to the face, turned by up to 10 degrees, relit, some greyed or mirrored, and saved
as JPEG of 40 to 90, 98% lie within 0.386 of their originals."""
MIN_SIMILARITY = 0.7
"""Smallest correlation of the gradients of copies where they fit best. Of 150 such copies 98% reach 0.704;
of 80 pairs of other photos of one person in FG-NET, within that distance, 98% stay below 0.662."""
TURNS_DEG = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
SCALES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)
SHIFTS_PX = tuple(range(-3, 4))  # what is tried: landmarks of one face in two framings lie up to so far apart


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of N photos."""

    thumbnails: NDArray[np.uint8]  # (N, SIDE_PX, SIDE_PX), grey, the eyes in place; black where there is none
    identities: NDArray[np.float32]  # (N, 128), infinite where there is no face


def faces_of(paths: Sequence[Path]) -> Faces:
    """Return the labelled faces of photos; one that cannot be read, or shows none, has none."""
    detector, network = OnnxDetector(), identity.Identity()
    thumbnails = np.zeros((len(paths), SIDE_PX, SIDE_PX), np.uint8)
    identities = np.full((len(paths), identity.DIMS), np.inf, np.float32)

    def fill(at: int) -> None:
        try:
            photo = decode(paths[at].read_bytes())
        except (PhotoError, OSError):
            return
        face = pick_labelled(detector.detect(photo), photo.width_px, photo.height_px)
        if face is None or not face.landmarks_px:
            return
        chip = identity.chip(photo.rgb, np.array(face.landmarks_px, dtype=np.float64))
        grey = Image.fromarray(chip).convert("L")
        thumbnails[at] = np.asarray(grey.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))
        identities[at] = identity.embeddings(network, chip[None])[0]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in tqdm(pool.map(fill, range(len(paths))), "faces read", len(paths), unit=" photos", delay=2):
            pass
    return Faces(thumbnails, identities)


def together(parts: Sequence[Faces]) -> Faces:
    """Return the faces of several sets of photos as one set, in order."""
    thumbnails = np.concatenate([part.thumbnails for part in parts])
    return Faces(thumbnails, np.concatenate([part.identities for part in parts]))


def write(faces: Faces, path: Path) -> None:
    """Keep faces in a file, which is whole or not there."""
    partial = path.with_suffix(".part.npz")
    np.savez(partial, thumbnails=faces.thumbnails, identities=faces.identities)
    partial.replace(path)


def read(path: Path) -> Faces | None:
    """Return kept faces, or None where there are none or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Faces(kept["thumbnails"], kept["identities"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def across(faces: Faces, sources: Sequence[str]) -> DuplicatePairs:
    """Return the pairs of one photo in two of the N photos' sources, in order."""
    pairs = candidates(faces.identities, sources)
    thumbnails = faces.thumbnails
    similarity = np.array([fit(thumbnails[one], thumbnails[other]) for one, other in pairs], np.float32)
    kept = similarity >= MIN_SIMILARITY
    return DuplicatePairs(pairs[kept, 0], pairs[kept, 1], similarity[kept])


def candidates(
    identities: NDArray[np.float32], sources: Sequence[str], block_faces: int = 512
) -> NDArray[np.int64]:
    """Return int64 (P, 2): positions (i, j), i < j, of different sources that look like one person."""
    names = np.array(sources)
    there = np.flatnonzero(np.isfinite(identities).all(1))
    known, of = identities[there], names[there]
    squares = (known**2).sum(1)
    found: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(there), block_faces):
        some = slice(start, start + block_faces)
        apart = squares[some, None] + squares[None] - 2 * known[some] @ known.T
        near = (apart < SAME_PERSON**2) & (of[some, None] != of[None])
        pairs = np.argwhere(near) + np.array([start, 0])
        found.append(pairs[pairs[:, 1] > pairs[:, 0]])
    return there[np.concatenate(found)]


def fit(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return how well one thumbnail, or its mirror image, fits on the other: correlation of gradients."""
    target = gradients(_middle(other.astype(np.float32), 0, 0)[None])[0]
    best = 0.0
    for picture, turn, scale in itertools.product((one, one[:, ::-1]), TURNS_DEG, SCALES):
        moved = _moved(picture.astype(np.float32), turn, scale)
        middles = np.stack([_middle(moved, x, y) for x, y in itertools.product(SHIFTS_PX, SHIFTS_PX)])
        best = max(best, float((gradients(middles) @ target).max()))
    return best


def _moved(picture: NDArray[np.float32], turn_deg: float, scale: float) -> NDArray[np.float32]:
    angle = np.radians(turn_deg)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    middle = np.full(2, (SIDE_PX - 1) / 2)
    return affine_transform(picture, matrix, middle - matrix @ middle, order=1, mode="nearest")


def _middle(picture: NDArray[np.float32], right: int, down: int) -> NDArray[np.float32]:
    edge = (SIDE_PX - INNER_PX) // 2
    return picture[edge + down : edge + down + INNER_PX, edge + right : edge + right + INNER_PX]
