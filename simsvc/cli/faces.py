"""`flask face ...`: add, relabel and remove reference faces without rebuilding the index."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.adapters.photos.sources import photos_of_one_age, read_source
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import PROGRESS_FROM, progress
from simsvc.domain.gallery.labelled_faces import LabelledSource
from simsvc.flows.gallery.live_faces import AddedFaces, LiveFaces
from simsvc.values.events import COMMAND
from simsvc.wiring.indexing import index_services
from simsvc.wiring.labelled_faces import live_faces

face_group = AppGroup("face", help="Add, relabel and remove reference faces without rebuilding the index.")


@face_group.command("add")
@click.argument("path", type=click.Path(path_type=Path), metavar="DIR|FILE")
@click.option("--age", type=float, help="Age in years; without it, DIR must contain a labels.csv.")
@click.option("--source", required=True, help="Name of the data set, for example clinic-2026.")
def add_command(path: Path, age: float | None, source: str) -> None:
    """Add the face in FILE, or in every photo in DIR, to the index in service."""
    with sentences():
        photos = _photos(path, age, source)
        faces = _live_faces()
        total = len(photos.photos)
        with progress("face", total=total, hidden=total < PROGRESS_FROM) as advance:
            added = faces.add(photos, COMMAND, advance)
        click.echo("\n".join([_summary(added), *photos.notes]))


@face_group.command("relabel")
@click.argument("face_id", metavar="ID")
@click.option("--age", type=float, required=True, help="New age in years.")
def relabel_command(face_id: str, age: float) -> None:
    """Change the age of face ID in every build."""
    with sentences():
        before = _live_faces().relabel(face_id, age, COMMAND)
        click.echo(f"{face_id}: age changed from {before.age_years:g} to {age:g} years.")


@face_group.command("remove")
@click.argument("face_id", metavar="ID")
def remove_command(face_id: str) -> None:
    """Remove face ID from new estimates and later builds."""
    with sentences():
        _live_faces().remove(face_id, COMMAND)
        click.echo(f"{face_id} removed from new estimates and later builds.")


def _live_faces() -> LiveFaces:
    return live_faces(index_services(services().settings))


def _photos(path: Path, age: float | None, source: str) -> LabelledSource:
    if age is not None:
        return photos_of_one_age(source, path, age)
    if path.is_file():
        raise click.UsageError("Give the age of the person in the photo: --age YEARS.")
    return read_source("folder", path, name=source)


def _summary(added: AddedFaces) -> str:
    count = len(added.faces)
    lines = [f"{count} {'face' if count == 1 else 'faces'} added to {added.label}."]
    if count == 1:
        lines = [f"{added.faces[0].face_id} added to {added.label}."]
    reasons = Counter(entry.reason for entry in added.skipped)
    return "\n".join([*lines, *(f"{number} skipped: {reason}" for reason, number in sorted(reasons.items()))])
