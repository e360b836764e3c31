"""What earlier runs make of the faces that a new one learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.errors import SettingsError
from trainer import augment, bodies, export
from trainer.model import AGE_BINS
from trainer.runs import load_run

_BATCH = 128


def taught(
    runs: Sequence[Path], squares: NDArray[np.uint8], tells: Sequence[NDArray[np.int64]]
) -> NDArray[np.float32]:
    """Return the mean distributions of the teachers that tell of a face: float32 (N, AGE_BINS), else zeros.

    Each teacher sees crop and mirror at its own size.

    Args:
        runs: folders of finished runs.
        squares: uint8 (N, P, P, 3), packed faces.
        tells: for each run, int64, the faces that it tells of.

    Raises:
        SettingsError: a folder holds no finished run, or one that tells no distribution.
    """
    shares = np.zeros((len(squares), AGE_BINS), np.float32)
    voices = np.zeros((len(squares), 1), np.float32)
    for folder, positions in zip(runs, tells, strict=True):
        shares[positions] += _told(folder, squares, positions)
        voices[positions] += 1
    return np.divide(shares, voices, out=shares, where=voices > 0)


def corrected(
    ages_years: NDArray[np.float32], told: NDArray[np.float32], most_years: float
) -> NDArray[np.float32]:
    """Return float32 (N,): labels, but the teachers' expected value where a label lies too far from it.

    Source: Han, Luo and Wang, "Deep Self-Learning From Noisy Labels", ICCV 2019, section 3, correct labels by
    what the network makes of the pictures; here the teachers never saw the faces that they correct.

    Args:
        ages_years: labels, float32 (N,).
        told: what `taught` returns; a row of zeros leaves the label as it is.
        most_years: how far a label may lie from the expected value.
    """
    expected = told @ np.arange(AGE_BINS, dtype=np.float32)
    wrong = told.any(axis=1) & (np.abs(ages_years - expected) > most_years)
    return np.where(wrong, expected, ages_years).astype(np.float32)


def _told(folder: Path, squares: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.float32]:
    recipe, model = load_run(folder)
    if recipe.head != "distribution":
        raise SettingsError(f"{folder.name} tells no distribution and cannot teach; choose another teacher.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).to(memory_format=torch.channels_last)
    spec, found = bodies.BODIES[recipe.body], []
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        for start in tqdm(range(0, len(positions), _BATCH), desc=f"taught by {folder.name}", unit="batch"):
            some = torch.from_numpy(squares[positions[start : start + _BATCH]]).to(device)
            crops = augment.batch(some, recipe.final_px, spec.mean, spec.std)
            scores = model(export.with_mirror(crops)).float().softmax(dim=1)
            found.append(scores.reshape(2, -1, AGE_BINS).mean(dim=0).cpu().numpy())
    return np.concatenate(found)
