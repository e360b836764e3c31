"""`flask face ...`: labelled faces added, relabelled and removed without building the index again."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import NoReturn

import click
from flask import current_app
from flask.cli import AppGroup
from tqdm import tqdm

from simsvc.adapters.photos.sources import photos_of_one_age, read_source
from simsvc.cli.errors import sentences
from simsvc.domain.gallery.labelled_faces import LabelledSource
from simsvc.flows.live_faces import AddedFaces, LiveFaces
from simsvc.values.events import COMMAND
from simsvc.wiring.indexing import index_services
from simsvc.wiring.labelled_faces import live_faces

PROGRESS_FROM = 10
"""From this many photos on, a progress bar is worth its line."""

face_group = AppGroup("face", help="Add, relabel and remove labelled faces without a new build.")


@face_group.command("add")
@click.argument("path", type=click.Path(path_type=Path), metavar="DIR|FILE")
@click.option("--age", type=float, help="Label in years; without it DIR must hold a labels.csv.")
@click.option("--source", required=True, help="What the data set is called, such as clinic-2026.")
def add_command(path: Path, age: float | None, source: str) -> None:
    """Add the labelled face of FILE, or of every photo in DIR, to the index in service."""
    with sentences():
        photos = _photos(path, age, source)
        faces = _live_faces()
        hidden = None if len(photos.photos) >= PROGRESS_FROM else True  # None: shown on a terminal only
        with tqdm(total=len(photos.photos), unit="face", disable=hidden, file=sys.stderr) as bar:
            added = faces.add(photos, COMMAND, lambda done, _total: _advance(bar, done))
        click.echo("\n".join([_summary(added), *photos.notes]))


@face_group.command("relabel")
@click.argument("face_id", metavar="ID")
@click.option("--age", type=float, required=True, help="The new label in years.")
def relabel_command(face_id: str, age: float) -> None:
    """Give the face ID another label, in every build."""
    with sentences():
        before = _live_faces().relabel(face_id, age, COMMAND)
        click.echo(f"{face_id} was labelled {before.age_years:g} and is labelled {age:g} years from now on.")


@face_group.command("remove")
@click.argument("face_id", metavar="ID")
def remove_command(face_id: str) -> None:
    """Keep the face ID out of every answer from now on, and out of every later build."""
    with sentences():
        _live_faces().remove(face_id, COMMAND)
        click.echo(f"{face_id} is in no answer from now on, and in no later build.")


def _live_faces() -> LiveFaces:
    return live_faces(index_services(current_app.extensions["simsvc"].settings))


def _advance(bar: tqdm[NoReturn], done: int) -> None:
    bar.update(done - bar.n)


def _photos(path: Path, age: float | None, source: str) -> LabelledSource:
    if age is not None:
        return photos_of_one_age(source, path, age)
    if path.is_file():
        raise click.UsageError("Say how old the person in the photo was: --age YEARS.")
    return read_source("folder", path, name=source)


def _summary(added: AddedFaces) -> str:
    count = len(added.faces)
    lines = [f"{count} {'face' if count == 1 else 'faces'} added, searched with {added.label} from now on."]
    if count == 1:
        lines = [f"{added.faces[0].face_id} added, searched with {added.label} from now on."]
    reasons = Counter(entry.reason for entry in added.skipped)
    return "\n".join([*lines, *(f"{number} skipped: {reason}" for reason, number in sorted(reasons.items()))])
