from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from simsvc.adapters.ops.rate_storage import answer_ms
from simsvc.errors import PartUnfit
from simsvc.flows.cause import cause_of
from simsvc.flows.parts import ServerFacts, look_at_batches, look_at_clock, look_at_rates, look_at_server
from simsvc.store.database import Database
from simsvc.store.server_facts import server_facts
from tests.redis_server import redis_server

PASSWORD = "a password / with @ signs"  # noqa: S105 - of a server that ends with the test
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def facts(version: int = 150_003, ms: float = 1.0, behind: timedelta = timedelta()) -> ServerFacts:
    return ServerFacts(version, ms, NOON, NOON - behind)


def test_a_real_server_is_described(postgres_url: str) -> None:
    """Version, time of a query and difference of the clocks are those of the server."""
    database = Database(postgres_url)
    found = ServerFacts(*server_facts(database))
    database.close()
    assert look_at_server(found).startswith(f"PostgreSQL {found.version // 10_000}.")
    assert abs(found.here - found.at) < timedelta(seconds=1)
    assert look_at_clock(found).endswith(" s apart.")


@pytest.mark.parametrize(
    ("found", "words"),
    [(facts(version=130_011), "older than 14"), (facts(ms=35), "takes 35 ms")],
    ids=["old", "far"],
)
def test_an_old_or_distant_server_is_refused(found: ServerFacts, words: str) -> None:
    """The sentence names what is wrong and what would do."""
    with pytest.raises(PartUnfit, match=words):
        look_at_server(found)


@pytest.mark.parametrize("behind", [timedelta(seconds=6), timedelta(seconds=-6)])
def test_a_clock_that_is_off_is_refused(behind: timedelta) -> None:
    """Six seconds are too many, in either direction."""
    with pytest.raises(PartUnfit, match=r"by 6\.0 s"):
        look_at_clock(facts(behind=behind))


def test_a_redis_server_is_asked_with_its_password() -> None:
    """The server that the setting names answers; with another password, or once it is gone, it is said."""
    with redis_server(PASSWORD) as (_, port):
        address = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0"
        assert "answers within" in look_at_rates("redis://***", lambda: answer_ms(address))
        with pytest.raises(PartUnfit, match=r"redis://\*\*\*") as refused:
            look_at_rates("redis://***", lambda: answer_ms(f"redis://:wrong@127.0.0.1:{port}/0"))
        assert "password" in cause_of(refused.value)
    started = time.monotonic()
    with pytest.raises(PartUnfit) as refused:
        look_at_rates("redis://***", lambda: answer_ms(address))
    assert time.monotonic() - started < 5
    assert PASSWORD not in refused.value.sentence


@pytest.mark.parametrize("found", [[(0, 0)], [(5, 1)], [(5, 0), (5, 1)], [(5, 0), (0, 0)]])
def test_photos_that_a_worker_takes_are_well(found: list[tuple[int, int]]) -> None:
    """No photos, photos of which one is leased, and a worker that was between two photos are all well."""
    answers = iter(found)
    assert "photos wait" in look_at_batches(lambda: next(answers), lambda: None)
    assert next(answers, None) is None


def test_photos_that_nobody_takes_are_said() -> None:
    """Where no photo is leased after a pause either, the sentence says which command is missing."""
    with pytest.raises(PartUnfit, match=r"5 photos .* `flask batch work`"):
        look_at_batches(lambda: (5, 0), lambda: None)
