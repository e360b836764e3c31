"""Checks of `flask check` that concern what hosts share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache

from simsvc.adapters.ops.rate_storage import answer_ms
from simsvc.adapters.wide.ray_cluster import ray_cluster
from simsvc.errors import IndexMissing
from simsvc.flows.health import Look
from simsvc.flows.parts import (
    ServerFacts,
    look_at_batches,
    look_at_clock,
    look_at_hosts,
    look_at_objects,
    look_at_rates,
    look_at_server,
)
from simsvc.settings import Settings
from simsvc.store.database import without_password
from simsvc.store.desk.leases import LeaseStore
from simsvc.store.hosts import LIVE, HostStore
from simsvc.store.server_facts import server_facts
from simsvc.wiring.services import Services

PAUSE_S = 2.5
"""More than an idle batch worker takes to see a new batch (`flows.estimates.batch_work.NOTICE_S`)."""
IN_MEMORY = "memory://"


def shared_parts(services: Services, ray: str = "") -> Iterator[tuple[str, Look]]:
    """Yield what is to be checked of the parts that hosts share; nothing on a machine of its own.

    `ray` is the address of a Ray cluster, or "" for none.
    """
    settings = services.settings
    if services.database.is_shared:
        facts = cache(lambda: ServerFacts(*server_facts(services.database)))
        yield "server", lambda: look_at_server(facts())
        yield "clock", lambda: look_at_clock(facts())
        yield "hosts", lambda: _hosts(services)
        yield "batches", lambda: _batches(services)
    if services.database.is_shared or settings.rate_storage != IN_MEMORY:
        yield "rates", lambda: _rates(settings.rate_storage)
    if services.objects is not None:
        objects = services.objects
        yield "objects", lambda: look_at_objects(objects)
        yield "cache", lambda: _cached(services)
    if ray:
        yield "ray", lambda: _ray(ray, settings)


def _hosts(services: Services) -> str:
    """Name the live hosts; raises HostRefused if this one may not answer beside them."""
    services.host_watch.require()
    return look_at_hosts(HostStore(services.database).all(), services.now(), LIVE)


def _ray(address: str, settings: Settings) -> str:
    with ray_cluster(address, settings.ray_device, settings.ray_workers) as cluster:
        return f"{address} answers, with room for {cluster.workers()} processes."


def _batches(services: Services) -> str:
    leases = LeaseStore(services.database, services.estimates)
    return look_at_batches(lambda: leases.held(services.now()), lambda: time.sleep(PAUSE_S))


def _rates(address: str) -> str:
    if address == IN_MEMORY:
        return (
            "WARNING: Each worker counts requests alone, so that the limits of all workers and hosts add up. "
            "Set SIMSVC_RATE_STORAGE to a Redis server."
        )
    return look_at_rates(without_password(address), lambda: answer_ms(address))


def _cached(services: Services) -> str:
    """Fetch the build in service unless it is there, and say where it is."""
    label = services.shelf.current()
    if label is None:
        raise IndexMissing()
    there = (services.shelf.build_path(label) / "manifest.json").is_file()
    folder = services.shelf.open_build(label)
    return f"{label} is in {folder}, intact." if there else f"{label} was fetched into {folder}."
