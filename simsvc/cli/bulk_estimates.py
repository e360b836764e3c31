"""`flask estimate --out`: estimate many photos into a table."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
from flask import current_app
from tqdm import tqdm

from simsvc.adapters.photos.photo_files import Listing, list_photos
from simsvc.errors import SimsvcError
from simsvc.wiring.bulk import bulk_into

NOT_RECORDED = "These estimates are not recorded: auditors cannot find them, and they cannot be replayed."


def estimate_all(paths: Sequence[Path], out: Path, *, recorded: bool) -> None:
    """Estimate every photo, write the table and print a summary.

    Exits with status 1 without photos or when interrupted; running the command again resumes the run.
    """
    listing = list_photos(paths)
    files = listing.files
    if not files:
        raise click.ClickException(
            "\n".join(
                ["No photos found. Name photos, or folders that contain photos.", *listing.left_out.lines()]
            )
        )
    if not recorded:
        click.echo(NOT_RECORDED, err=True)
    started = time.monotonic()
    try:
        with bulk_into(current_app.extensions["simsvc"], out, recorded=recorded) as bulk:
            waiting = bulk.waiting(files)
            done = len(files) - len(waiting)
            with tqdm(total=len(files), initial=done, unit="photo", disable=None, file=sys.stderr) as bar:
                bulk.judge(waiting, partial(_advance, bar))
            counts = Counter(bulk.journal.done().values())
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None
    click.echo(_summary(out, counts, len(waiting), time.monotonic() - started))
    for line in _said_of(listing):
        click.echo(line)


def _advance(bar: tqdm[NoReturn]) -> None:
    bar.update()


def _said_of(listing: Listing) -> list[str]:
    """Say what was skipped, and which file names differ only in their Unicode form."""
    if not listing.alike:
        return listing.left_out.lines()
    alike = (
        f"{len(listing.alike)} names belong to several files that differ only in their Unicode form, "
        f"for example {listing.alike[0]}. Each file has its own row. Rename or delete unneeded files."
    )
    return [alike, *listing.left_out.lines()]


def _summary(out: Path, counts: Counter[str], judged: int, seconds: float) -> str:
    rows = sum(counts.values())
    return (
        f"{out}: {rows:,} photos, {counts['estimated']:,} estimated, {counts['refused']:,} refused. "
        f"This run: {judged:,} photos in {seconds:,.0f} s, {judged / max(seconds, 1e-9):,.0f} a second."
    )
