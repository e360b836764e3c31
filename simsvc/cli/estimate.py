"""`flask estimate`: estimate ages on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

import click
from flask.cli import with_appcontext
from tqdm import tqdm

from simsvc.adapters.photos.photo_files import shown_name
from simsvc.adapters.photos.remote_photos import Place, place_of, read_place
from simsvc.cli.common.bulk_estimates import estimate_all
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import PROGRESS_FROM
from simsvc.domain.estimate.output.serialize import describe, describe_unrecorded
from simsvc.errors import SimsvcError
from simsvc.flows.estimates.estimate import EstimatePipeline, estimate
from simsvc.values import Estimate

Row = dict[str, object]


@click.command("estimate")
@click.argument("photos", nargs=-1, required=True, type=place_of, metavar="PHOTO...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a .csv or .parquet table; also accepts folders of photos, and s3://bucket/prefix.",
)
@click.option("--no-record", is_flag=True, help="With --out: do not record the estimates.")
@click.option("--ray", metavar="ADDRESS", help="With --out: use the hosts of the Ray cluster at host:port.")
@with_appcontext
def estimate_command(
    photos: tuple[Place, ...], as_json: bool, out: Path | None, no_record: bool, ray: str | None
) -> None:
    """Estimate the age of the face in each PHOTO and record each result.

    A refused photo is also a result: the exit status is 1 only if no photo could be read at all.
    """
    if out is not None and as_json:
        raise click.UsageError("Use either --json or --out, not both.")
    if out is None and no_record:
        raise click.UsageError("--no-record only works with --out: single estimates are always recorded.")
    if out is None and ray is not None:
        raise click.UsageError("--ray only works with --out.")
    if out is not None:
        return estimate_all(photos, out, recorded=not no_record, ray=ray)
    return _estimate_each(photos, as_json)


def _estimate_each(photos: Sequence[Place], as_json: bool) -> None:
    read = 0
    with sentences():
        for row in _rows(photos, services().pipeline()):
            read += "id" in row
            click.echo(json.dumps(row, ensure_ascii=False) if as_json else readable_line(row))
    if not read:
        sys.exit(1)


def _rows(photos: Sequence[Place], pipeline: EstimatePipeline) -> Iterator[Row]:
    hidden = None if len(photos) >= PROGRESS_FROM else True  # None: shown on a terminal only
    for photo in tqdm(photos, unit="photo", disable=hidden):
        yield _row(photo, pipeline)


def _row(photo: Place, pipeline: EstimatePipeline) -> Row:
    shown = shown_name(photo)
    try:
        data = read_place(photo, pipeline.max_bytes)
    except SimsvcError as error:
        unread = Estimate(shown, "", "refused", error.code, error.message)
        return {**describe_unrecorded(unread), "photo_sha256": None}
    return {**describe(estimate(data, PurePath(shown).name, pipeline)), "photo": shown}


def readable_line(row: Row) -> str:
    """Return what a person reads of one photo."""
    if row["status"] == "refused":
        return f"{row['photo']}: no result ({row['code']}). {row['sentence']}"
    words = [f"{row['photo']}: {row['age_years']:.1f} years{_range(row)}.", f"{row['sentence'] or ''}"]
    if row["refer"]:
        words.append(f"Send for review: {row['refer_reason']}")
    return " ".join(word for word in (*words, f"Record {row['id']}.") if word)


def _range(row: Row) -> str:
    interval, coverage = row["interval_years"], row["coverage"]
    if not isinstance(interval, list) or not isinstance(coverage, float):
        return ""
    return f", likely between {interval[0]:.0f} and {interval[1]:.0f} ({coverage:.0%} range)"
