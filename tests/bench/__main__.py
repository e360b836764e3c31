"""`make bench`: model, pipeline, detector and server; prints a table and writes docs/explanation/bench.json.

Every figure stands beside a peer or a limit of the same run: ratios compare between machines, milliseconds do
not. With `--data` it is measured on an index of those faces, else on the demo gallery.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from simsvc.settings import Settings, load_settings
from simsvc.store.migrate import upgrade
from simsvc.wiring.services import Services
from tests.bench import bulk, model, pipeline, server
from tests.bench.claims import SMALL, Claim, Parts, claims
from tests.bench.machine import environment_mb, machine
from tests.bench.photos import photos
from tests.bench.timing import Figures
from tests.servers import environment_of

OUT = Path("docs/explanation/bench.json")
INDEXES = Path("work/bench/indexes")
"""Where the index of `--data` is kept between runs."""
QUICK = server.Load(requests=60, warming_up=100, sustained_s=5.0, sustained_requests=300)
Part = Callable[[], Figures]


def main() -> int:
    """Measure, print and write; return 0 also where a limit is not kept: the table says so."""
    args = _arguments()
    settings = load_settings()
    settings = settings.model_copy(update={"bundle_dir": args.bundle or settings.bundle_dir})
    with TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.sqlite3'}"
        own = settings.model_copy(update={"database_url": url, "model_root": folder / "models"})
        own = own.model_copy(update={"index_root": args.index or _index(own, args.data, folder)})
        services = Services(own)
        upgrade(services.database.engine)
        parts = _parts(own, services, args, folder)
        found: Parts = {"index": {"in service": {"faces": float(services.pipeline().index().count)}}}
        facts = machine()
        for part in args.only.split(",") if args.only else parts:
            print(f"measuring {part} ...", file=sys.stderr, flush=True)
            found[part] = parts[part]()
    told = claims(found, environment_mb(args.environment))
    print("\n".join(lines(found, told, model.missing())))
    if args.out:
        document = {"machine": facts, "claims": [claim.described() for claim in told], **found}
        args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def lines(found: Parts, told: list[Claim], missing: list[str]) -> list[str]:
    """Return the table: every claim with its limit, every part with its rows, and what was left out."""
    table = ["what is promised" + " " * 43 + "measured     limit   holds"]
    for claim in told:
        sign, unit = (">=" if claim.at_least else "<="), f" {claim.unit}" if claim.unit else ""
        kept = "yes" if claim.holds else "NO"
        table.append(f"  {claim.what:52} {claim.value:10.5g}{unit:3} {sign} {claim.limit:g}{unit}  {kept}")
    for part, rows in found.items():
        table.append(part)
        table += [
            f"  {name:38}" + "  ".join(f"{k} {v:g}" for k, v in row.items()) for name, row in rows.items()
        ]
    return [*table, *missing]


def _parts(settings: Settings, services: Services, args: argparse.Namespace, folder: Path) -> dict[str, Part]:
    """Return what can be measured, in the order in which it is: what needs a quiet machine first."""
    made = photos(settings.gallery_dir)
    small, asked = made[SMALL], QUICK if args.quick else server.Load()
    return {
        "model": partial(model.figures, settings),
        **{name: partial(pipeline.figures, services, data) for name, data in made.items()},
        "detector": partial(pipeline.detector_sizes, services, small),
        "server": partial(server.figures, settings, services, small, asked, folder),
        "bulk": partial(bulk.figures, settings, services, folder),
    }


def _index(settings: Settings, data: Path | None, folder: Path) -> Path:
    """Return the folder of an index of the data, or else of the demo gallery; built where none fits."""
    source = ["--source", "utkface", "--path", str(data)] if data and data.is_dir() else []
    root = INDEXES.resolve() if source else folder / "indexes"
    environment = environment_of(settings.model_copy(update={"index_root": root}))
    for command in (["db", "upgrade"], ["index", "build", "--if-needed", *source]):
        done = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app", *command]
        subprocess.run(done, env=environment, check=True, stdout=sys.stderr)
    return root


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, help="another model bundle than the shipped one")
    parser.add_argument("--data", type=Path, help="UTKFace, to be indexed first and kept in work/bench")
    parser.add_argument("--index", type=Path, help="a folder of index builds, instead of building one")
    parser.add_argument("--environment", type=Path, help="environment whose size is told; default .venv")
    parser.add_argument("--only", help="parts to measure, with commas: model,640 px,detector,server,...")
    parser.add_argument("--quick", action="store_true", help="a light load: to see that it runs")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
