"""A peer's estimates of photos and our crops, cached because they do not change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.domain.photo.crop import cut, square_px
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import PhotoError
from simsvc.values import Photo, RgbImage
from trainer.datasets.formats.rows import Row
from trainer.datasets.pack import labelled_face
from trainer.peers.install import installed
from trainer.peers.process import PeerProcess, command_of
from trainer.peers.registry import Peer

CROP_PX = 224
"""Side of the crops that peers are given: the largest that any of them takes (faceres-deep: 224)."""
SAVED_EVERY = 200

Start = Callable[[], PeerProcess]
Cropper = Callable[[Photo], RgbImage]


@dataclass(frozen=True, slots=True, eq=False)
class PeerEstimates:
    """A peer's answers on N photos."""

    photos_years: NDArray[np.float64]  # (N,), NaN where its own detector finds no face
    crops_years: NDArray[np.float64]  # (N,) on our crops


def cropper(bundle: Bundle) -> Cropper:
    """Return what cuts the labelled face out of a photo, uint8 (224, 224, 3), as our crops are cut."""
    detector = detector_of(bundle)

    def crop(photo: Photo) -> RgbImage:
        right = looked_at(photo, detector.detect, bundle.reading)
        left, top, side = square_px(labelled_face(right.photo, right.faces))
        return cut(right.photo.rgb, left, top, side, CROP_PX)

    return crop


def estimates(peer: Peer, rows: Sequence[Row], crop: Cropper, root: Path) -> PeerEstimates:
    """Return a peer's estimates of rows, cached in `root`.

    Raises:
        SettingsError: the peer cannot be installed or stopped.
    """
    command = command_of(peer, installed(peer, root))
    path = root / f"{peer.name}.json"
    return asked(peer, rows, crop, path, lambda: PeerProcess(peer.name, *command))


def asked(peer: Peer, rows: Sequence[Row], crop: Cropper, path: Path, start: Start) -> PeerEstimates:
    """Return a peer's estimates of rows, starting it only for those missing in `path`."""
    kept = _read(path, peer.package)
    with ExitStack() as stack:
        running: list[PeerProcess] = []

        def answer(rgb: RgbImage, *, is_face: bool) -> float | None:
            if not running:
                running.append(stack.enter_context(start()))
            return running[0].age(rgb, is_face=is_face)

        photos, crops = [], []
        for at, row in enumerate(tqdm(rows, desc=peer.name, unit="photo", delay=2)):
            data = row.path.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            if key not in kept:
                kept[key] = _answers(data, crop, answer)
                if at % SAVED_EVERY == 0:
                    _write(path, peer.package, kept)
            photos.append(kept[key][0])
            crops.append(kept[key][1])
        _write(path, peer.package, kept)
    return PeerEstimates(np.array(photos, np.float64), np.array(crops, np.float64))  # None becomes NaN


def _answers(
    data: bytes, crop: Cropper, answer: Callable[..., float | None]
) -> tuple[float | None, float | None]:
    try:
        photo = decode(data)
    except PhotoError:
        return None, None
    return answer(photo.rgb, is_face=False), answer(crop(photo), is_face=True)


Kept = dict[str, tuple[float | None, float | None]]


def _read(path: Path, package: str) -> Kept:
    """Return the kept answers by the photo's sha256; none where they are of another version or damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["package"] != package:
            return {}
        return {key: (photo, crop) for key, (photo, crop) in document["ages_years"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, package: str, kept: Kept) -> None:
    replace_text(path, json.dumps({"package": package, "ages_years": kept}) + "\n")
