"""Look at the parts that hosts share: database, counts of requests, and objects."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simsvc.errors import ObjectsRefused, PartUnfit, SimsvcError
from simsvc.ports import ObjectStore
from simsvc.values.hosts import ALLOWED_SKEW, Host

LEAST_VERSION = 14
"""Oldest major version of PostgreSQL that its developers will still mend. Source: postgresql.org, "Versioning
Policy": each is supported for five years, 14 until November 2026."""
MOST_MS = 20.0
"""To ask the database for nothing. A record takes some ten queries, and a host in the same region answers in
1 to 2 ms; from 20 ms on, a record would take longer than its estimate (`make bench`)."""
PROBES = "probes"
"""Below which objects are written to see that it can be done."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A database server: its version, how long a query of nothing took, and its clock beside this host's."""

    version: int
    ms: float
    at: datetime
    here: datetime


def look_at_server(facts: ServerFacts) -> str:
    """Return a sentence on the database server.

    Raises:
        PartUnfit: it is too old, or too slow.
    """
    major = facts.version // 10_000
    if major < LEAST_VERSION:
        raise PartUnfit("database_old", found=major, least=LEAST_VERSION)
    if facts.ms > MOST_MS:
        raise PartUnfit("database_slow", ms=facts.ms, most=f"{MOST_MS:g}")
    return f"PostgreSQL {major}.{facts.version % 10_000} answers within {facts.ms:.1f} ms."


def look_at_clock(facts: ServerFacts) -> str:
    """Return a sentence on the clocks of this host and of the database.

    Raises:
        PartUnfit: they are too far apart.
    """
    apart_s = abs((facts.here - facts.at).total_seconds())
    if apart_s > ALLOWED_SKEW.total_seconds():
        raise PartUnfit("clock", seconds=apart_s, most=f"{ALLOWED_SKEW.total_seconds():g}")
    return f"This host and the database are {apart_s:.2f} s apart."


def look_at_hosts(hosts: Iterable[tuple[Host, datetime]], now: datetime, live: timedelta) -> str:
    """Return a sentence on the hosts that were seen of late, with their versions and models.

    Raises:
        PartUnfit: some of them have the same name.
    """
    seen = [host for host, seen_at in hosts if now - seen_at < live]
    shared = [name for name, count in Counter(host.name for host in seen).items() if count > 1]
    if shared:
        raise PartUnfit("host_names", names=", ".join(shared))
    told = ", ".join(
        f"{host.name} ({host.version}, model {(host.model_sha256 or 'none')[:12]})" for host in seen
    )
    return f"{len(seen)} live: {told}." if seen else "No host is live."


def look_at_rates(address: str, ask: Callable[[], float]) -> str:
    """Return a sentence on where requests are counted, which `ask` asks, returning milliseconds.

    Raises:
        PartUnfit: it does not answer.
    """
    try:
        return f"Requests are counted at {address}, which answers within {ask():.1f} ms."
    except SimsvcError:
        raise
    except Exception as error:  # the storages' libraries have errors of their own
        raise PartUnfit("rates", address=address, problem=type(error).__name__) from error


def look_at_batches(ask: Callable[[], tuple[int, int]], pause: Callable[[], object]) -> str:
    """Return a sentence on the photos of batches: how many wait, and how many a worker has leased.

    An idle worker takes a moment to see a new batch, so that it is asked twice before nobody is at work.

    Raises:
        PartUnfit: photos wait, and no worker takes them.
    """
    waiting, leased = ask()
    if waiting and not leased:
        pause()
        waiting, leased = ask()
    if waiting and not leased:
        raise PartUnfit("batches", waiting=waiting)
    return f"{waiting} photos wait, {leased} of them with a worker."


def look_at_objects(objects: ObjectStore) -> str:
    """Write, read, list and delete an object, and return a sentence on the store.

    Raises:
        PartUnfit: it gives back something else.
        ObjectsUnavailable: it does not answer, refuses one of these, or keeps versions.
    """
    key, data = f"{PROBES}/{secrets.token_hex(16)}", secrets.token_bytes(32)
    objects.put(key, data)
    try:
        if objects.get(key) != data:
            raise PartUnfit("objects", store=objects.name)
        if key not in {facts.key for facts in objects.keys(PROBES)}:
            raise PartUnfit("objects_listing", store=objects.name)
    finally:
        objects.delete(key)
    if objects.keeps_versions:
        raise ObjectsRefused("versioned", store=objects.name)
    return f"{objects.name} can be written, read, listed and deleted from, and keeps no versions."
