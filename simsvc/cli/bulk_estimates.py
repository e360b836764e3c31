"""`flask estimate --out`: many photos to a table."""

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

NOT_RECORDED = (
    "Nothing of this is put on record: no auditor will find these estimates, and none can be replayed."
)


def estimate_all(paths: Sequence[Path], out: Path, *, recorded: bool) -> None:
    """Judge every photo, write the table, and say in a sentence what is in it.

    The exit status is 1 where there was no photo at all, or something stopped the run; it goes on when the
    command is run again.
    """
    listing = list_photos(paths)
    files = listing.files
    if not files:
        raise click.ClickException(
            "\n".join(
                [
                    "There is no photo in what you named. Name photos, or folders that hold some.",
                    *listing.left_out.lines(),
                ]
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
    """Say what was left out, and which files Unicode alone tells apart."""
    if not listing.alike:
        return listing.left_out.lines()
    alike = (
        f"{len(listing.alike)} names are those of several files, written by Unicode in several ways, such as "
        f"{listing.alike[0]}: each file has its row. Rename or delete those that you do not mean."
    )
    return [alike, *listing.left_out.lines()]


def _summary(out: Path, counts: Counter[str], judged: int, seconds: float) -> str:
    rows = sum(counts.values())
    return (
        f"{out}: {rows:,} photos, {counts['estimated']:,} estimated, {counts['refused']:,} refused. "
        f"{judged:,} of them judged now, in {seconds:,.0f} s: {judged / max(seconds, 1e-9):,.0f} a second."
    )
