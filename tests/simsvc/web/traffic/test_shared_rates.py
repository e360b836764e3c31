"""One rate over all hosts by Redis; without Redis, each worker counts alone and no request waits for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.app import create_app
from tests.cut_link import Link
from tests.helpers import wait_until
from tests.redis_server import redis_server
from tests.simsvc.web.helpers import token_in

MOST = 2


@pytest.fixture(scope="module")
def redis_port() -> Iterator[int]:
    with redis_server() as (_, port):
        yield port


@pytest.fixture
def link(redis_port: int) -> Iterator[Link]:
    """Give a link to Redis."""
    link = Link(lambda: socket.create_connection(("127.0.0.1", redis_port)))
    yield link
    link.close()


@pytest.fixture
def two_hosts(site: Settings, link: Link, request: pytest.FixtureRequest) -> Iterator[list[Flask]]:
    """Give two applications that count in one Redis, each test in a part of its own."""
    number = {name: at for at, name in enumerate(sorted(TESTS))}[request.node.name]
    storage = f"redis://127.0.0.1:{link.port}/{number}"
    settings = site.model_copy(update={"rate_storage": storage, "sign_in_rate": f"{MOST} per minute"})
    apps = [create_app(settings) for _ in range(2)]
    yield apps
    for app in apps:
        app.extensions["simsvc"].database.close()


def guess(app: Flask) -> int:
    """Try to sign in, and return the status of the answer."""
    client = app.test_client()
    form = {"csrf_token": token_in(client.get("/sign-in").text), "name": "nobody", "password": "none at all"}
    return client.post("/sign-in", data=form).status_code


def took_s(act: Callable[[], object]) -> float:
    start_s = time.monotonic()
    act()
    return time.monotonic() - start_s


def test_hosts_share_one_rate(two_hosts: list[Flask]) -> None:
    """Attempts at two hosts in turn count together."""
    statuses = [guess(two_hosts[number % 2]) for number in range(MOST + 2)]
    assert [status == 429 for status in statuses] == [False] * MOST + [True] * 2


@pytest.mark.parametrize("harm", ["is_frozen", "is_refused"])
def test_without_redis_no_request_waits(two_hosts: list[Flask], link: Link, harm: str) -> None:
    """With Redis frozen or gone, one request waits a quarter of a second; each worker limits by itself."""
    usual_s = took_s(lambda: guess(two_hosts[0]))
    setattr(link, harm, True)
    link.cut()
    assert took_s(lambda: guess(two_hosts[0])) < usual_s + 1.5
    statuses = [guess(two_hosts[0]) for _ in range(MOST)]
    assert statuses[-1] == 429
    assert guess(two_hosts[1]) != 429


def test_requests_at_work_while_redis_goes_are_answered(two_hosts: list[Flask], link: Link) -> None:
    """Of several requests that wait for Redis at the same time when it goes, none fails."""
    guess(two_hosts[0])
    link.is_frozen = True
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: guess(two_hosts[0]), range(6)))
    assert max(statuses) < 500


def test_the_shared_rate_comes_back(two_hosts: list[Flask], link: Link) -> None:
    """Some seconds after Redis is back, hosts count together again, without hands."""
    link.is_refused = True
    link.cut()
    guess(two_hosts[0])
    link.is_refused = False
    for _ in range(MOST + 1):
        guess(two_hosts[1])
    wait_until(lambda: guess(two_hosts[0]) == 429, 5)


TESTS = {
    "test_hosts_share_one_rate",
    "test_without_redis_no_request_waits[is_frozen]",
    "test_without_redis_no_request_waits[is_refused]",
    "test_requests_at_work_while_redis_goes_are_answered",
    "test_the_shared_rate_comes_back",
}
"""Each has a database of Redis of its own."""
