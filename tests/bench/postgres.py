"""`python -m tests.bench.postgres`: what a record costs PostgreSQL, as docs/explanation/bench-postgres.json.

The server is Debian's with its own settings, so that each commit is on disk before it is answered.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from simsvc.domain.photo.encode import to_png
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.records.estimates import EstimateStore
from simsvc.values import Crop
from simsvc.values.events import COMMAND, EventKind, NewEvent
from tests.bench.machine import machine
from tests.bench.timing import Figures, timed
from tests.postgres_server import fresh_database, postgres_server
from tests.simsvc.store.helpers import ESTIMATED

OUT = Path("docs/explanation/bench-postgres.json")
RECORDS = 600
WRITERS = (1, 8)
CROP_KB = 36.0
"""PNG of a crop in a record of 40 KB, as `make bench` measures it on photos."""
TICKS_A_SECOND = 100
"""Of /proc/PID/stat. Source: proc(5), sysconf(_SC_CLK_TCK) on Linux."""


def measure(server: str) -> Figures:
    """Return times of the log's turn, and rate, size and processor time of records."""
    with fresh_database(server, "bench") as url:
        database = Database(url, pool_size=max(WRITERS))
        try:
            return _measured(server, database)
        finally:
            database.close()


def _measured(server: str, database: Database) -> Figures:
    migrate.upgrade(database.engine)
    event = NewEvent(EventKind.SETTINGS, COMMAND, "bench", {"a": "b"})
    empty_kb = _size_kb(database)
    found = {"log's turn": timed(lambda: EventLog(database).note(event), RECORDS)}
    for writers in WRITERS:
        found[f"records, {writers} at a time"] = _records(server, database, writers)
    found["size"] = {"kb_a_record": round((_size_kb(database) - empty_kb) / (len(WRITERS) * RECORDS), 1)}
    return found


def _records(server: str, database: Database, writers: int) -> dict[str, float]:
    estimate = replace(ESTIMATED, crop=_crop())
    store = EstimateStore(database)
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda _: store.record(estimate), range(writers)))  # connections are open
        used, start = _cpu_s(server), time.perf_counter()
        list(pool.map(lambda _: store.record(estimate), range(RECORDS)))
        wall_s = time.perf_counter() - start
    cpu_ms = (_cpu_s(server) - used) * 1e3 / RECORDS
    return {"a_second": round(RECORDS / wall_s, 1), "server_cpu_ms": round(cpu_ms, 2)}


def _crop() -> Crop:
    """Return noise whose PNG is as large as that of a real crop: noise hardly compresses."""
    side = int((CROP_KB * 1e3 / 3) ** 0.5)
    crop = Crop(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))
    assert abs(len(to_png(crop.rgb)) / 1e3 - CROP_KB) < 4
    return crop


def _size_kb(database: Database) -> float:
    with database.read_connection() as connection:
        return float(connection.exec_driver_sql("SELECT pg_database_size('bench')").scalar_one()) / 1e3


def _cpu_s(server: str) -> float:
    """Return the processor time of all processes of the server that still run."""
    master, ticks = _postmaster(server), 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = _stat(int(folder.name))
            ticks += sum(fields[11:13]) if master in (fields[1], int(folder.name)) else 0
    return ticks / TICKS_A_SECOND


def _postmaster(server: str) -> int:
    folder = server.split(maxsplit=1)[0].removeprefix("host=")
    return int(Path(folder, "data", "postmaster.pid").read_text().split()[0])


def _stat(pid: int) -> list[int]:
    """Return the fields of /proc/PID/stat after the name; the first, a letter, as 0."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [0, *map(int, fields[1:20])]


def main() -> int:
    """Measure, print and write."""
    about: dict[str, Any] = {"machine": machine()}
    with postgres_server(settings=()) as server:
        with psycopg.connect(f"{server} dbname=postgres") as connection:
            about["postgresql"] = connection.info.server_version
        about.update(measure(server))
    OUT.write_text(json.dumps(about, indent=1) + "\n")
    print(json.dumps(about, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
