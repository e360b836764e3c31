"""`python -m tests.stress`: 10,000 estimates by 8 clients on both databases, workers killed with -9."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.wiring.hosts.index_shelf import adopt_files
from tests.postgres_server import fresh_database, postgres_server
from tests.small_site import make_small_site
from tests.stress.writers import Findings, Load, Outcome, find, press


def main() -> int:
    """Press the service, print what became of it, and return 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--estimates", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kill-every-s", type=float, default=5.0)
    parser.add_argument("--on", choices=("sqlite", "postgresql", "both"), default="both")
    options = parser.parse_args()
    load = Load(options.estimates, options.clients, options.workers, options.kill_every_s)
    kinds = ("sqlite", "postgresql") if options.on == "both" else (options.on,)
    return max(_pressed(kind, load) for kind in kinds)


def _pressed(kind: str, load: Load) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = make_small_site(folder)
        if kind == "postgresql":
            server = stack.enter_context(postgres_server())
            settings = settings.model_copy(
                update={"database_url": stack.enter_context(fresh_database(server, "stress"))}
            )
        database = Database(settings.database_url)
        migrate.upgrade(database.engine)
        adopt_files(settings, database)
        began = time.monotonic()
        outcome = press(settings, load, folder)
        took_s = time.monotonic() - began
        findings = find(database, outcome)
        database.close()
    print(_words(kind, load, outcome, findings, took_s))
    for sentence in outcome.refused[:3]:
        print(sentence)
    whole = len(outcome.answers) == findings.records == load.estimates and not findings.lost + findings.twice
    whole = whole and findings.verdict.broken is None
    return 0 if whole else 1


def _words(kind: str, load: Load, outcome: Outcome, findings: Findings, took_s: float) -> str:
    broken = findings.verdict.broken
    return (
        f"{kind}: {len(outcome.answers)} of {load.estimates} answered in {took_s:.0f} s "
        f"by {load.workers} workers, {outcome.kills} of them killed, "
        f"{outcome.retries} requests sent again; {findings.records} on record, "
        f"{findings.lost} answered ones lost, {findings.twice} keys with several records; "
        f"{findings.verdict.events} events: {broken.sentence if broken else 'everything fits'}"
    )


if __name__ == "__main__":
    sys.exit(main())
