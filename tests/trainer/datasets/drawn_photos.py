"""Photos made up of random shading: each seed gives one that is like no other."""

from pathlib import Path

import numpy as np
from PIL import Image


def drawn(seed: int, side_px: int = 96) -> Image.Image:
    """Return an RGB picture of smooth random shading."""
    levels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((side_px, side_px), Image.Resampling.BICUBIC)


def write_photo(path: Path, seed: int) -> Path:
    """Write the picture of that seed as JPEG, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(seed).save(path, quality=90)
    return path


def write_folder(folder: Path, ages_years: dict[str, float], first_seed: int = 0) -> Path:
    """Write a folder source: one picture a name, and labels.csv."""
    for seed, name in enumerate(ages_years, start=first_seed):
        write_photo(folder / name, seed)
    lines = [f"{name},{age_years}" for name, age_years in ages_years.items()]
    (folder / "labels.csv").write_text("\n".join(["file,age", *lines]) + "\n", encoding="utf-8")
    return folder
