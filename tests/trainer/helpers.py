"""Folders of drawn faces with labels."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

import torch

from tests.drawn_faces import SURE_PX, draw_face
from trainer.__main__ import main


def succeeded(folder: Path, *arguments: object) -> str:
    """Run a command of the trainer in a folder, and return what it prints."""
    threads = torch.get_num_threads()
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
        assert main([str(argument) for argument in arguments]) == 0
    torch.set_num_threads(threads)
    return out.getvalue()


def faces(folder: Path, count: int, first_age: int = 20) -> Path:
    """Write drawn faces with ages one year apart, genders in turn and one group."""
    folder.mkdir()
    lines = ["file,age,gender,ethnicity"]
    for number in range(count):
        draw_face(number, SURE_PX).save(folder / f"{number:02}.png")
        lines.append(f"{number:02}.png,{first_age + number},{'MF'[number % 2]},White")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def banded(folder: Path, rows: Sequence[str]) -> Path:
    """Write rows of "band,gender" with a drawn face each; the last photo shows no face."""
    folder.mkdir()
    lines = [f"{at:02}.png,{row}" for at, row in enumerate(rows)]
    for at in range(len(rows) - 1):
        draw_face(at).save(folder / f"{at:02}.png")
    draw_face(0).resize((60, 60)).crop((0, 0, 40, 40)).save(folder / f"{len(rows) - 1:02}.png")
    (folder / "labels.csv").write_text("\n".join(["file,age_band,gender", *lines]) + "\n")
    return folder
