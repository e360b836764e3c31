"""`python -m tests.bench.log_cost`: what the audit log costs, as shares of an estimate, and its own speed.

An estimate with its event and one without are recorded in turns, so that a slower minute of the machine is a
slower minute of both. Intervals are of medians over rounds, with 95% confidence.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from simsvc.adapters.photos.sources import read_source
from simsvc.domain.audit.chain import SALT_BYTES, canonical, content_sha256, next_event
from simsvc.flows.audit.prove_log import prove_inclusion
from simsvc.flows.audit.verify_log import verify, verify_new
from simsvc.flows.estimates.estimate import answered, estimate
from simsvc.ports import Recorder
from simsvc.settings import PACKAGE_DIR, Settings, load_settings
from simsvc.store import migrate
from simsvc.store.audit_append import last_event, lock_log
from simsvc.store.database import Database
from simsvc.store.records import estimates as recording
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.values.events import COMMAND, EventKind, NewEvent, Verdict
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.bench.claims import Claim
from tests.bench.machine import machine
from tests.bench.timing import WALL, in_turns
from tests.postgres_server import fresh_database, postgres_server
from tests.small_site import build_index, draw_gallery

PHOTO = PACKAGE_DIR / "bundle" / "gallery" / "composite_0500.jpg"
FACES, ROUNDS, SETTLED = 30, 300, 160
NEWER, PROOFS, PIECE = 1_000, 300, 5_000
LARGE = 1_000_000
"""Events of the log that the limits of its speed are for."""
ALONE, LOGGED, WHOLE = "record alone", "record with its event", "estimate, recorded"


def main() -> int:
    """Measure, print, and return 1 if a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.log_cost", description=__doc__)
    parser.add_argument("--events", type=int, default=LARGE, help="size of the log that is verified")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--on", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    found: list[Claim] = []
    for kind in ("sqlite", "postgresql") if options.on == "both" else (options.on,):
        with _services(kind) as services:
            found += _shown(cost_of_event(services, kind, PHOTO.read_bytes(), options.rounds))
            found += _shown(speed_of_log(services, kind, options.events))
    if options.json:
        said = {"machine": machine(), "claims": [claim.described() for claim in found]}
        options.json.write_text(json.dumps(said, indent=1) + "\n")
    return int(not all(claim.holds for claim in found))


def cost_of_event(services: Services, kind: str, data: bytes, rounds: int) -> list[Claim]:
    """Return what the event adds to a record, and its share of the whole estimate."""
    pipeline = services.pipeline()
    answer = answered(data, "bench.jpg", pipeline)
    book: Recorder = services.estimates
    calls: dict[str, Callable[[], object]] = {
        ALONE: lambda: _without_event(lambda: book.record(answer)),
        LOGGED: lambda: book.record(answer),
        WHOLE: lambda: estimate(data, "bench.jpg", pipeline),
    }
    for _ in range(SETTLED if rounds >= SETTLED else 1):  # see tests.bench.pipeline
        book.record(answer)
    taken = {name: times[:, WALL] for name, times in in_turns(calls, rounds).items()}
    event = taken[LOGGED] - taken[ALONE]
    return [
        _interval(f"{kind}: record with its event over one without", taken[LOGGED] / taken[ALONE], 2.0),
        _interval(f"{kind}: event's share of an estimate's whole time", event / taken[WHOLE], 0.10),
    ]


def speed_of_log(services: Services, kind: str, count: int) -> list[Claim]:
    """Return how long a log of `count` events takes to verify, and proofs from it."""
    fill(services.database, count)
    services.log_keeper.checkpoint()
    whole, whole_s = _verified(lambda: _walk(services))
    fill(services.database, NEWER)
    newer, newer_s = _verified(lambda: _walk_since(services))
    assert newer.problems == ()  # records without events are found when all is verified
    size = services.log_keeper.checkpoint().size
    dice = random.Random(0)  # noqa: S311 - the same events each time
    proofs_ms = np.array([_proof_ms(services, dice.randrange(size) + 1) for _ in range(PROOFS)])
    return [
        Claim(f"{kind}: verify {whole.events:,} events", round(whole_s, 2), 60.0, "s"),
        Claim(f"{kind}: verify {NEWER:,} events since the checkpoint", round(newer_s, 3), 1.0, "s"),
        Claim(
            f"{kind}: inclusion proof in {size:,} events, p50",
            round(float(np.median(proofs_ms)), 2),
            5.0,
            "ms",
        ),
    ]


def fill(database: Database, count: int) -> None:
    """Append events as the log does, in large transactions."""
    content = canonical({"number": 7})
    for begin in range(0, count, PIECE):
        with database.write_connection() as connection:
            lock_log(connection)
            last, events, contents = last_event(connection), [], []
            for _ in range(min(PIECE, count - begin)):
                salt = secrets.token_bytes(SALT_BYTES)
                new = NewEvent(EventKind.EXPORT, COMMAND, "history", {})
                last = next_event(new, datetime.now(UTC), content_sha256(salt, content), last)
                events.append(asdict(last))
                contents.append({"seq": last.seq, "salt": salt, "content": content})
            connection.execute(insert(EventRow), events)
            connection.execute(insert(EventContentRow), contents)


def _without_event(record: Callable[[], object]) -> None:
    """Record without making or appending an event."""
    names = vars(recording)
    kept = {name: names[name] for name in ("_event", "chain")}
    names.update(dict.fromkeys(kept, lambda *_: None))
    try:
        record()
    finally:
        names.update(kept)


def _interval(what: str, ratios: NDArray[np.float64], limit: float) -> Claim:
    """Return a median with its interval, which is of the middle order statistics.

    Source: Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2 (interval of a quantile).
    """
    ordered, half = np.sort(ratios), 0.98 * np.sqrt(len(ratios))
    low = ordered[max(0, int(len(ratios) / 2 - half))]
    high = ordered[min(len(ratios) - 1, int(np.ceil(len(ratios) / 2 + half)))]
    return Claim(f"{what} ({low:.3f} to {high:.3f})", round(float(np.median(ratios)), 4), limit, "")


def _walk(services: Services) -> Verdict:
    outside = services.outside()
    with services.log.snapshot() as snapshot:
        return verify(snapshot, lambda _done, _total: None, None, outside)


def _walk_since(services: Services) -> Verdict:
    outside = services.outside()
    with services.log.snapshot() as snapshot:
        return verify_new(snapshot, lambda _done, _total: None, outside)[0]


def _verified(call: Callable[[], Verdict]) -> tuple[Verdict, float]:
    begun = time.perf_counter()
    verdict = call()
    return verdict, time.perf_counter() - begun


def _proof_ms(services: Services, seq: int) -> float:
    begun = time.perf_counter()
    with services.log_tree.at_one_instant() as tree:
        prove_inclusion(tree, seq)
    return (time.perf_counter() - begun) * 1e3


def _shown(found: list[Claim]) -> list[Claim]:
    for claim in found:
        verdict = "ok " if claim.holds else "NOT"
        print(f"{verdict} {claim.what:78} {claim.value:>9} {claim.unit:2} at most {claim.limit}", flush=True)
    return found


@contextmanager
def _services(kind: str) -> Iterator[Services]:
    """Give an installation with the shipped model and few reference faces."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'simsvc.sqlite3'}"
        if kind == "postgresql":
            url = stack.enter_context(fresh_database(stack.enter_context(postgres_server()), "bench"))
        settings = _settings(folder, url)
        database = Database(url)
        migrate.upgrade(database.engine)
        database.close()
        build_index(settings, read_source("demo", settings.gallery_dir))
        services: Services = create_app(settings).extensions["simsvc"]
        yield services
        services.database.close()


def _settings(folder: Path, url: str) -> Settings:
    return load_settings({}).model_copy(
        update={
            "database_url": url,
            "gallery_dir": draw_gallery(folder / "gallery", FACES),
            "index_root": folder / "indexes",
            "model_root": folder / "models",
            "batch_dir": folder / "batches",
            "import_dir": folder / "imports",
            "secret_key": "a key for tests, long enough to sign with",
            "log_key_file": folder / "keys" / "log-key.pem",
        }
    )


if __name__ == "__main__":
    sys.exit(main())
