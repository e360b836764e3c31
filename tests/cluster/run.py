"""One run: everything started from nothing, work and damage at the same time, then the checks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.cluster import access_checks, checks
from tests.cluster.checks import Check, Failed, Run
from tests.cluster.hosts import Host
from tests.cluster.load import Load, in_background
from tests.cluster.servers import (
    RAY_PORT,
    answers_redis,
    start_object_store,
    start_postgres,
    start_proxy,
    start_ray,
    start_redis,
    start_volume,
    stores_objects,
)
from tests.cluster.site import Site, is_ready, sign_up, start_batch_worker, start_web, wait_ready
from tests.cluster.timetable import Damage
from tests.cluster.timetable import run as undergo
from tests.cluster.work import BUILD_S, RELABELLED, Batches, FaceChanges, WideBuild, waiting_photos
from tests.helpers import wait_until
from tests.visitor import Visitor

PLANNED_S = 180.0
"""What the damage takes, about; batches are spread over it."""
BATCH_SHARE = 5
"""One photo in a batch for so many estimates."""
LEAST_BATCHED = 96
PROGRESS_S = 10.0
STARTED_S = 90.0
BUILD_UNDER_WAY_S = 8.0
"""After which Ray's actors embed the first faces."""
Hosts = dict[str, Host]

_LOADED: dict[str, Check] = {
    "records": checks.records,
    "answers": checks.answers,
    "audit": checks.audit,
    "batches": checks.batches,
    "faces": checks.faces,
    "build": checks.build,
    "recoveries": checks.recoveries,
    "parts": checks.parts,
}
_UNLOADED: dict[str, Check] = {
    "replay": checks.replay,
    "rate": access_checks.rate,
    "tokens": access_checks.tokens,
    "erasure": checks.erasure,
}
CHECKS = (*_LOADED, "switch", *_UNLOADED, "sessions")
WITHOUT_LOAD = {*_UNLOADED, "sessions"}


class Clock:
    """Says what happens, and when."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def say(self, words: str) -> None:
        """Print a line."""
        print(f"[{time.monotonic() - self._began_s:4.0f} s] {words}", flush=True)


def perform(hosts: Hosts, folder: Path, only: Collection[str], estimates: int) -> list[str]:
    """Start everything, work and damage it if there are estimates to make, and return what failed."""
    clock = Clock()
    site, proxy, visitor = _start(hosts, folder, clock.say)
    run = Run(site, (hosts["web-a"], hosts["web-b"]), proxy)
    if estimates:
        _work(run, hosts, visitor, estimates, clock.say)
    every = {**_LOADED, "switch": access_checks.switch, **_UNLOADED}
    every["sessions"] = partial(access_checks.sessions, visitor=visitor)
    return [name for name in CHECKS if name in only and not _passes(name, every[name], run)]


def _passes(name: str, check: Check, run: Run) -> bool:
    try:
        print(f"PASS {name:10} {check(run)}", flush=True)
        return True
    except Exception as problem:  # the other checks are to be made, whatever this one ran into
        kind = "" if isinstance(problem, Failed) else f"{type(problem).__name__}: "
        print(f"FAIL {name:10} {kind}{problem}", flush=True)
        return False


def _start(hosts: Hosts, folder: Path, say: Callable[[str], None]) -> tuple[Site, str, Visitor]:
    say(f"{len(hosts)} hosts are made")
    volumes = [hosts["volume-a"], hosts["volume-b"]]
    url, rates = start_postgres(hosts["db"]), start_redis(hosts["redis"])
    site = Site(folder / "site", url, rates, start_object_store(hosts["s3"], volumes))
    site.folder.mkdir(mode=0o755)
    site.furnish()
    say("PostgreSQL, Redis and the object store answer; photos are drawn")
    web, workers = [hosts["web-a"], hosts["web-b"]], [hosts["batch-a"], hosts["batch-b"]]
    nodes = [hosts["ray"], hosts["ray-a"], hosts["ray-b"]]
    for host in (*web, *workers, *nodes):
        site.settle(host)
    for node in nodes:
        start_ray(node, None if node is nodes[0] else nodes[0])
    site.prepare(web[0])
    site.share_log_key(web[0], [web[1], *workers, *nodes])
    for host in web:
        start_web(host)
    for host in workers:
        start_batch_worker(host)
    proxy = start_proxy(hosts["lb"], web)
    for host in web:
        wait_ready(host)
    site.furnish_access(web[0])
    visitor = sign_up(web[0], proxy)
    wait_until(lambda: ray_nodes(nodes[0]) == len(nodes), STARTED_S)
    say(f"two web hosts answer, batch workers and {len(nodes)} Ray nodes run; {site.label} is in service")
    return site, proxy, visitor


def ray_nodes(head: Host) -> int:
    """Return how many Ray nodes are alive."""
    words = (sys.executable, "-m", "tests.cluster.ray_nodes", f"{head.address}:{RAY_PORT}")
    with suppress(ValueError):
        return int(head.run(*words).stdout)
    return 0


def _work(run: Run, hosts: Hosts, visitor: Visitor, estimates: int, say: Callable[[str], None]) -> None:
    ids = [face_id for face_id, _ in checks.gallery_faces(run, run.web[0], RELABELLED)]
    run.batches = Batches(
        visitor, run.site.database_url, max(LEAST_BATCHED, estimates // BATCH_SHARE), PLANNED_S
    )
    run.changes = FaceChanges(run.proxy, run.token, ids)
    run.build = WideBuild(run.site, hosts["ray"], say)

    def begin_build() -> None:
        assert run.build
        ends.append(in_background(run.build.build))
        say("Ray begins to build the wide index")
        time.sleep(BUILD_UNDER_WAY_S)
        run.build.note_hit()

    timetable = _damages(run, hosts, begin_build)
    load = run.load = Load(run.proxy, run.site.token, estimates, len(timetable))
    load.start()
    ends = [
        in_background(work)
        for work in (run.batches.send_all, run.changes.change_all, partial(_tell, load, run, say))
    ]
    try:
        run.recoveries = undergo(timetable, load, say)
        load.wait()
        wait_until(run.build.is_over, BUILD_S)
    finally:
        for end in reversed(ends):
            end()
    say(f"{len(load.outcome.answers)} estimates are answered")


def _tell(load: Load, run: Run, say: Callable[[str], None], ending: threading.Event) -> None:
    assert run.batches
    before = 0
    while not ending.wait(PROGRESS_S):
        done, again = len(load.outcome.answers), load.outcome.retries
        waiting: int | str = "?"
        with suppress(Exception):  # the database may be cut off
            waiting = waiting_photos(run.site.database_url)
        say(
            f"  {done} of {load.estimates} answered, {(done - before) / PROGRESS_S:.0f}/s, "
            f"{again} sent again; {waiting} of {len(run.batches.sent)} batch photos wait"
        )
        before = done


def _damages(run: Run, hosts: Hosts, begin_build: Callable[[], None]) -> list[Damage]:
    """Return the timetable: hosts of each kind, one killed, every link cut once."""
    first, second = run.web
    s3, head = hosts["s3"], hosts["ray"]
    volume, node = hosts["volume-a"], hosts["ray-b"]
    worker, other_worker = hosts["batch-a"], hosts["batch-b"]
    assert run.batches
    assert run.build
    many, note_hit = run.batches.send_many, run.build.note_hit
    catch = partial(run.batches.catch, worker)

    def both() -> bool:
        return is_ready(first) and is_ready(second)

    def stored() -> bool:
        return stores_objects(run.site.s3_url) and both()

    def counted() -> bool:
        return answers_redis(run.site.redis_url) and both()

    def all_nodes() -> bool:
        return ray_nodes(head) == 3

    def works() -> bool:
        return all(each.pids() for each in (worker, other_worker))

    return [
        Damage(second, partial(start_web, second), both),
        Damage(first, None, both),
        Damage(hosts["lb"], None, both),
        Damage(hosts["db"], None, both),
        Damage(hosts["redis"], None, counted),
        Damage(second, None, both),
        Damage(worker, partial(start_batch_worker, worker), works, catch),
        Damage(node, partial(start_ray, node, head), all_nodes, begin_build),
        Damage(hosts["ray-a"], None, all_nodes, note_hit),
        Damage(head, None, all_nodes, note_hit),
        Damage(volume, partial(start_volume, volume, s3), stored, many),
        Damage(hosts["volume-b"], None, stored),
        Damage(s3, None, stored),
        Damage(other_worker, None, works, many),
        Damage(worker, None, works),
        Damage(volume, None, stored),
        Damage(node, None, all_nodes),
    ]
