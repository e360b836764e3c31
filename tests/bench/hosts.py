"""`python -m tests.bench.hosts`: what it costs a request that hosts agree in PostgreSQL, not in files."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, text

from simsvc.adapters.photos.sources import read_source
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings, load_settings
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.wiring.audit.served import accept
from simsvc.wiring.services import Services
from tests.postgres_server import fresh_database, postgres_server
from tests.small_site import build_index, drawn_photo, make_small_site

FACES, TIMES, ESTIMATES = 8, 3_000, 100


def median_ms(act: Callable[[], object], times: int = TIMES) -> float:
    """Return the median time of an action in milliseconds."""
    spent_s = []
    for _ in range(times):
        start_s = time.perf_counter()
        act()
        spent_s.append(time.perf_counter() - start_s)
    return statistics.median(spent_s) * 1_000


def with_shipped_model(settings: Settings) -> Services:
    """Open a site with the model that ships, and an index of it."""
    settings = settings.model_copy(update={"bundle_dir": load_settings({}).bundle_dir})
    services = Services(settings)
    accept(settings, services.database)
    build_index(settings, read_source("demo", settings.gallery_dir), "shipped")
    return services


def ping_ms(url: str) -> float:
    """Return what `pool_pre_ping` adds to a query."""
    times = []
    for ping in (True, False):
        engine = create_engine(url, pool_pre_ping=ping, isolation_level="AUTOCOMMIT")

        def ask() -> None:
            with engine.connect() as connection:  # noqa: B023 - called at once
                connection.execute(text("SELECT 1")).one()

        times.append(median_ms(ask))
        engine.dispose()
    return times[0] - times[1]


def main() -> None:
    """Print the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server() as server,
        fresh_database(server, "bench") as url,
    ):
        database = Database(url)
        migrate.upgrade(database.engine)
        database.close()
        sites = {
            "files": with_shipped_model(make_small_site(Path(folder, "files"), FACES)),
            "PostgreSQL": with_shipped_model(make_small_site(Path(folder, "shared"), FACES, url)),
        }
        photo = drawn_photo()
        for name, services in sites.items():
            pipeline = services.pipeline()
            found_ms = median_ms(pipeline.index)
            whole_ms = median_ms(lambda: estimate(photo, "me.jpg", pipeline), ESTIMATES)  # noqa: B023 - likewise
            share = found_ms / whole_ms
            print(f"{name}: index in service {found_ms:.3f} ms, estimate {whole_ms:.1f} ms, {share:.2%}")
        print(f"pool_pre_ping: {ping_ms(url.replace('postgresql:', 'postgresql+psycopg:')):.3f} ms")
        for services in sites.values():
            services.database.close()


if __name__ == "__main__":
    main()
