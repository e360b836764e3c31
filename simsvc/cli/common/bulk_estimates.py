"""`flask estimate --out`: estimate many photos into a table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import click
from tqdm import tqdm

from simsvc.adapters.photos.photo_files import Listing
from simsvc.adapters.photos.remote_photos import Place, list_places
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import ProgressLines, is_seen
from simsvc.wiring.bulk import bulk_into

NOT_RECORDED = "These estimates are not recorded: auditors cannot find them, and they cannot be replayed."


def estimate_all(places: Sequence[Place], out: Path, *, recorded: bool, ray: str | None = None) -> None:
    """Estimate every photo, write the table and print a summary; with an address, on a Ray cluster.

    Exits with status 1 without photos or when interrupted; running the command again resumes the run.
    """
    with sentences():
        listing = list_places(places)
    files = listing.files
    if not files:
        problem = "No photos found. Name photos, or folders that contain photos."
        raise click.ClickException("\n".join([problem, *listing.left_out.lines()]))
    if not recorded:
        click.echo(NOT_RECORDED, err=True)
    started = time.monotonic()
    with sentences(), bulk_into(services(), out, recorded=recorded, ray=ray, probe=files[0].path) as bulk:
        waiting = bulk.waiting(files)
        done = len(files) - len(waiting)
        lines = ProgressLines("photo", done) if ray and not is_seen() else None
        with tqdm(total=len(files), initial=done, unit="photo", disable=None) as bar:
            counted = count(done + 1)

            def advance() -> None:
                bar.update()
                if lines is not None:
                    lines.advance(next(counted), len(files))

            bulk.judge(waiting, advance)
        counts = Counter(bulk.journal.done().values())
    click.echo(_summary(out, counts, len(waiting), time.monotonic() - started))
    for line in _said_of(listing):
        click.echo(line)


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
