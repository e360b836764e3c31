"""`python -m trainer data`: merge sources, audit them, split them; `... data fetch NAME` downloads one."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.errors import SettingsError, SourceUnknown
from trainer.datasets import archives, fetch
from trainer.datasets.audit import as_text, audit
from trainer.datasets.corpus import cores
from trainer.datasets.merge import CACHE, MergedData, merged
from trainer.datasets.registry import READERS, named_path
from trainer.datasets.splits import digests
from trainer.evaluation import looks
from trainer.options import check_writable

COLUMNS = (
    *("source", "reference", "age_years", "person", "gender", "group", "apparent_age_years"),
    *("split", "duplicate_group", "path"),
)
"""Of rows.csv; `duplicate_group` is shared by near-duplicates and by the photos of one person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    text = f"a data set and where it lies; NAME is one of {', '.join(READERS)}; may be repeated"
    parser.add_argument("--source", action="append", default=[], metavar="NAME=PATH", help=text)
    parser.add_argument("--out", type=Path, default=CACHE, help="folder to write to (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the audit there too")
    text = "look at a sample of each source's faces, too, and say what this bundle makes of them"
    parser.add_argument("--bundle", type=Path, metavar="BUNDLE", help=text)
    parser.add_argument("--threads", type=int, default=cores(), help="that look at faces (default: all)")
    actions = parser.add_subparsers(dest="action", metavar="fetch")
    fetching = actions.add_parser("fetch", help="download a published data set")
    fetching.add_argument("name", metavar="NAME", help=f"one of {', '.join(archives.ARCHIVES)}")
    fetching.add_argument("--to", type=Path, default=Path("work/archives"), help="folder to download into")
    fetching.add_argument("--yes", action="store_true", help="the terms are known and accepted")


def run(args: argparse.Namespace) -> int:
    """Merge, audit and write, or fetch."""
    if args.action == "fetch":
        return _fetch(args.name, args.to, accepted=args.yes)
    check_writable(args.json)
    sources = parse_sources(args.source)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{args.out} cannot be made: {error.strerror}. Choose another by --out."
        ) from None
    bundle = load_bundle(args.bundle) if args.bundle else None
    data = merged(sources, cache=args.out)
    result = audit(data)
    print(as_text(result))
    seen = looks.look(data.rows, bundle, args.threads) if bundle else ()
    if seen:
        print(f"\n{looks.as_text(seen)}")
    document = asdict(result) | ({"looks": [one.as_json() for one in seen]} if seen else {})
    write_rows(data, args.out / "rows.csv")
    for path in filter(None, (args.out / "audit.json", args.json)):
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    from trainer.evaluation import audit_plot  # noqa: PLC0415 - matplotlib only where something is drawn

    audit_plot.draw(data, result, args.out / "audit.png")
    written = ["rows.csv", "audit.json", "audit.png"]
    if seen:
        audit_plot.draw_looks(data.rows, seen, args.out / "sources.png")
        written.append("sources.png")
    print(f"\nwritten: {args.out}/{', '.join(written)}")
    return 0


def parse_sources(texts: Sequence[str]) -> dict[str, Path]:
    """Read "NAME=PATH" arguments.

    Raises:
        SettingsError: one lacks a name or a path.
        SourceUnknown: there is none, or a name is given twice.
    """
    sources: dict[str, Path] = {}
    for text in texts:
        name, path = named_path(text)
        if name in sources:
            raise SourceUnknown(
                f"The source '{name}' is given twice. Tell several of one kind apart by a suffix, "
                "such as folder:clinic=PATH."
            )
        sources[name] = path
    if not sources:
        raise SourceUnknown("No source is named. Add at least one --source NAME=PATH.")
    return sources


def write_rows(data: MergedData, path: Path) -> None:
    """Write every row with its split and group as CSV."""
    hashes = digests(data.rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row, split, leader in zip(data.rows, data.split, data.groups, strict=True):
            label = (row.age_years, row.person, row.gender, row.group, row.apparent_age_years)
            writer.writerow((row.source, row.reference, *label, split, hashes[leader].hex()[:12], row.path))


def _fetch(name: str, to: Path, *, accepted: bool) -> int:
    archive = archives.named(name)
    print(archive.notice)
    if not accepted and not fetch.confirmed():
        print("Nothing was downloaded.")
        return 1
    path = fetch.fetch(archive, to)
    print(f"{path} is complete. Unpack it and name its folder: --source {archive.name}=PATH")
    return 0
