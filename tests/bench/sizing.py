"""`python -m tests.bench.sizing --write`: what an installation of several hosts needs, as a page.

Every input is measured by a command of this project; `--help` lists what is the reader's own: cores and
memory of a host, and prices.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.cost import BUSY, DAY_S, SYSTEM_GB, grown, points

MEASURED = Path("docs/explanation")
PAGE = Path("docs/how-to/scale/sizing.md")
RATES = (1, 10, 100, 1_000)
FACES = (10**6, 10**7, 10**8, 10**9)
BUILDS = 2
"""Kept at once: the one in service, and the one that is to follow it."""
SPARE = 1
"""Hosts that may be lost, or be upgraded, while the others carry the load."""
MOST_PRIVATE_MB = 1_074.0
"""Codes that a worker keeps in memory with Lance. Source: CACHE_BYTES in adapters/index/engines."""
MONTH_H = 730
KEPT_DAYS = 365
"""For which records are kept in the database, for its size."""
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Host:
    """What a web host has, and what things cost: the reader's own."""

    cores: int = 8
    memory_gb: float = 64.0
    core_hour: float = 0.0
    disk_gb_month: float = 0.0
    objects_gb_month: float = 0.0

    @property
    def is_priced(self) -> bool:
        """Whether any price was given."""
        return any((self.core_hour, self.disk_gb_month, self.objects_gb_month))


@dataclass(frozen=True, slots=True)
class Engine:
    """What an index engine needs, each as a function of the number of faces."""

    name: str
    search_ms: Mapping[int, float]
    mapped_mb: Mapping[int, float]
    private_mb: Mapping[int, float]
    folder_mb: Mapping[int, float]
    finish_s: Mapping[int, float]

    def memory_gb(self, faces: int, workers: int) -> float:
        """Return the memory of one copy that workers share, and of what each of them has for itself."""
        private_mb = min(MOST_PRIVATE_MB, max(0.0, grown(self.private_mb, faces)))
        return (grown(self.mapped_mb, faces) + workers * private_mb) / 1_000


@dataclass(frozen=True, slots=True)
class Need:
    """What so many answers a second from so many faces need."""

    rate: int
    faces: int
    engine: str
    web_cores: int
    hosts: int
    memory_gb: float
    disk_gb: float
    objects_gb: float
    database_cores: int
    records_gb_a_day: float
    turn: float
    build_core_h: float

    def core_hours_a_month(self, host: Host) -> float:
        """Return the core-hours of web hosts and database, which run all the time, in a month."""
        return (self.hosts * host.cores + self.database_cores) * MONTH_H

    def disk_gb_months(self) -> float:
        """Return the disk of all web hosts and of a year's records."""
        return self.hosts * self.disk_gb + self.records_gb_a_day * KEPT_DAYS

    def price(self, host: Host) -> float:
        """Return what a month costs by the reader's prices."""
        return (
            self.core_hours_a_month(host) * host.core_hour
            + self.disk_gb_months() * host.disk_gb_month
            + self.objects_gb * host.objects_gb_month
        )


def annoy_of(index: Document) -> Engine:
    """Return Annoy as `make bench-index` measured it in the service."""
    return Engine(
        "annoy",
        points(index, "serve", "24 nearest", "p50_ms"),
        points(index, "serve", "mapped_mb"),
        points(index, "serve", "private_mb"),
        points(index, "build", "folder_mb"),
        points(index, "build", "finish_s"),
    )


def need(measured: Mapping[str, Document], rate: int, faces: int, host: Host) -> Need:
    """Return what so many answers a second from so many faces need."""
    bench, server, postgres = measured["bench"], measured["bench"]["server"], measured["postgres"]
    annoy = annoy_of(measured["index"])
    engine = chosen(measured, faces, host)
    found = grown(engine.search_ms, faces, power=True) - min(annoy.search_ms.values())
    cpu_ms = server["32 clients, sustained"]["server_cpu_ms"] + max(0.0, found)
    cores = max(1, math.ceil(rate * cpu_ms / 1_000 / BUSY))
    build = bench["bulk"]["index build"]
    folder_gb = grown(engine.folder_mb, faces) / 1_000 + faces * build["thumbnail_kb_a_face"] / 1e6
    record = postgres["records, 8 at a time"]
    return Need(
        rate=rate,
        faces=faces,
        engine=engine.name,
        web_cores=cores,
        hosts=math.ceil(cores / host.cores) + SPARE,
        memory_gb=SYSTEM_GB + host.cores * _worker_gb(bench) + engine.memory_gb(faces, host.cores),
        disk_gb=BUILDS * folder_gb,
        objects_gb=BUILDS * folder_gb,
        database_cores=max(1, math.ceil(rate * record["server_cpu_ms"] / 1_000 / BUSY)),
        records_gb_a_day=rate * DAY_S * postgres["size"]["kb_a_record"] / 1e6,
        turn=rate / record["a_second"],
        build_core_h=(faces * build["cpu_ms"] / 1_000 + grown(engine.finish_s, faces, power=True)) / 3_600,
    )


def chosen(measured: Mapping[str, Document], faces: int, host: Host) -> Engine:
    """Return Annoy while one copy of its index fits into a host's memory, or else Lance where measured."""
    annoy = annoy_of(measured["index"])
    room_gb = host.memory_gb - SYSTEM_GB - host.cores * _worker_gb(measured["bench"])
    fits = annoy.memory_gb(faces, host.cores) <= room_gb
    return annoy if fits or not _has_lance(measured) else lance_of(measured["index"], measured["lance"])


def lance_of(index: Document, lance: Document) -> Engine:
    """Return Lance as `make bench-lance` measured it, with the columns that Annoy's builds have, too."""
    annoy, forest = annoy_of(index), _of_library(index["libraries"]["annoy"])
    table = _of_library({size: found["lance"] for size, found in lance["sizes"].items() if _is_whole(found)})

    def beside(whole: Mapping[int, float], part: str) -> Mapping[int, float]:
        return {size: max(0.0, value - grown(forest[part], size)) for size, value in whole.items()}

    def both(rest: Mapping[int, float], part: str) -> Mapping[int, float]:
        return {size: grown(rest, size) + value for size, value in table[part].items()}

    columns_mb = beside(annoy.mapped_mb, "disk_mb")
    return Engine(
        "lance",
        table["p50_ms"],
        columns_mb,
        table["private_mb"],
        both(beside(annoy.folder_mb, "disk_mb"), "disk_mb"),
        both(beside(annoy.finish_s, "build_s"), "build_s"),
    )


def _of_library(sizes: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Return figures of an engine alone, by name and number of vectors, at the effort that simsvc chooses."""
    parts: dict[str, dict[int, float]] = {name: {} for name in ("p50_ms", "private_mb", "disk_mb", "build_s")}
    for size, found in sizes.items():
        at = min(found["curve"], key=lambda point: abs(point["effort"] - found["chosen"]))
        figures = {**found, "disk_mb": found.get("disk_mb", found.get("file_mb")), "p50_ms": at["p50_ms"]}
        for name, values in parts.items():
            values[int(size)] = float(figures[name])
    return parts


def _has_lance(measured: Mapping[str, Document]) -> bool:
    """Return whether Lance was measured at two sizes at least: growth needs both."""
    return sum(map(_is_whole, measured.get("lance", {}).get("sizes", {}).values())) > 1


def _is_whole(found: Mapping[str, Any]) -> bool:
    return "curve" in found.get("lance", {})


def _worker_gb(bench: Document) -> float:
    return float(bench["server"]["memory of a worker"]["end_mb"]) / 1_000


HEADING = (
    *("answers a second", "faces", "engine", "web cores", "web hosts", "memory a host, GB"),
    *("disk a host, GB", "objects, GB", "PostgreSQL cores", "records a day, GB", "the log's turn"),
    *("build, core-hours", "core-hours a month", "disk, GB-months", "objects, GB-months"),
)


def table(measured: Mapping[str, Document], host: Host) -> str:
    """Return the table in Markdown."""
    heading = (*HEADING, "price a month") if host.is_priced else HEADING
    needs = [need(measured, rate, faces, host) for rate in RATES for faces in FACES]
    rows = [heading, ["---"] * len(heading), *(cells(one, host) for one in needs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def cells(one: Need, host: Host) -> Sequence[str]:
    """Return a row of the table."""
    turn = f"{one.turn:.0%}" if one.turn <= 1 else f"**{one.turn:.0%}**"
    found = (
        *(f"{one.rate:,}", power_of_ten(one.faces), one.engine, f"{one.web_cores:,}", f"{one.hosts:,}"),
        *(f"{one.memory_gb:,.0f}", f"{one.disk_gb:,.0f}", f"{one.objects_gb:,.0f}"),
        *(f"{one.database_cores:,}", f"{one.records_gb_a_day:,.0f}", turn, f"{one.build_core_h:,.0f}"),
        f"{one.core_hours_a_month(host):,.0f}",
        *(f"{one.disk_gb_months():,.0f}", f"{one.objects_gb:,.0f}"),
    )
    return (*found, f"{one.price(host):,.0f}") if host.is_priced else found


def power_of_ten(faces: int) -> str:
    """Write 1,000,000 as 10^6."""
    return f"10<sup>{round(math.log10(faces))}</sup>"


def page(measured: Mapping[str, Document], host: Host) -> str:
    """Return the page."""
    bench, record = measured["bench"], measured["postgres"]["records, 8 at a time"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        table=table(measured, host),
        busy=BUSY,
        cores=host.cores,
        room=host.memory_gb,
        spare=SPARE,
        system=SYSTEM_GB,
        builds=BUILDS,
        days=KEPT_DAYS,
        month=MONTH_H,
        cpu_ms=bench["server"]["32 clients, sustained"]["server_cpu_ms"],
        worker_mb=bench["server"]["memory of a worker"]["end_mb"],
        thumbnail=bench["bulk"]["index build"]["thumbnail_kb_a_face"],
        build_ms=bench["bulk"]["index build"]["cpu_ms"],
        machine=bench["machine"]["processor"],
        sizes=", ".join(f"{size:,}" for size in sorted(annoy_of(measured["index"]).mapped_mb)),
        record_ms=record["server_cpu_ms"],
        record_kb=measured["postgres"]["size"]["kb_a_record"],
        turn=record["a_second"],
        postgres=measured["postgres"]["machine"]["processor"],
        load=measured["postgres"]["machine"]["load"],
        lance=LANCE if _has_lance(measured) else NO_LANCE,
    )


LANCE = "Lance beyond, with the figures of `docs/explanation/bench-lance.json` (`make bench-lance`)."
NO_LANCE = (
    "Lance is meant for sizes beyond, but was not measured yet (`make bench-lance`), so that every row is of "
    "Annoy."
)
TEMPLATE = Path(__file__).with_name("sizing.template.md")
"""The page, with the names of figures in braces."""


def documents(folder: Path = MEASURED) -> dict[str, Document]:
    """Return what was measured, by the name of the benchmark; without Lance where that was not measured."""
    names = {"bench": "bench", "index": "bench-index", "postgres": "bench-postgres", "lance": "bench-lance"}
    files = {name: folder / f"{file}.json" for name, file in names.items()}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.is_file()}


def main() -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    usual = Host()
    parser.add_argument("--cores", type=int, default=usual.cores, help="of a web host")
    parser.add_argument("--memory-gb", type=float, default=usual.memory_gb, help="of a web host, at most")
    for name in ("core-hour", "disk-gb-month", "objects-gb-month"):
        parser.add_argument(f"--{name}", type=float, default=0.0, help="your price, in any currency")
    given = parser.parse_args()
    host = Host(given.cores, given.memory_gb, given.core_hour, given.disk_gb_month, given.objects_gb_month)
    text = page(documents(), host)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
