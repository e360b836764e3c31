"""A host that differs from those that were there before it makes no estimates; those go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from simsvc.domain.hosts import problem_of
from simsvc.errors import HostRefused
from simsvc.flows.estimates.estimate import estimate
from simsvc.flows.health import status_of
from simsvc.store.hosts import HostStore
from simsvc.values.hosts import Host
from simsvc.wiring.health import readiness
from simsvc.wiring.services import Services
from tests.simsvc.wiring.cluster.conftest import Hosts
from tests.small_site import drawn_photo
from tests.tiny_bundle import make_tiny_bundle

NO_SKEW = timedelta()
ME = Host("1", "one", "2.3.4", "0026", "ab" * 32, "k")


def other(**differs: str) -> Host:
    facts = {"id": "2", "name": "two", "version": ME.version, "key_digest": ME.key_digest}
    facts |= {"schema": ME.schema, "model_sha256": str(ME.model_sha256)}
    return Host(**{**facts, **differs})


@pytest.mark.parametrize(
    ("differs", "reason"),
    [
        ({"version": "2.4.0"}, "version"),
        ({"version": "3.3.4"}, "version"),
        ({"model_sha256": "cd" * 32}, "model"),
        ({"key_digest": "other"}, "key"),
    ],
)
def test_a_difference_is_named_with_the_other_host(differs: dict[str, str], reason: str) -> None:
    """Each difference that makes answers depend on the host is refused, in a sentence with both names."""
    problem = problem_of(ME, [other(), other(**differs)], NO_SKEW)
    assert problem is not None
    assert (problem.reason, "one" in problem.sentence, "two" in problem.sentence) == (reason, True, True)


@pytest.mark.parametrize("differs", [{"version": "2.3.99"}, {"schema": "0027"}, {}])
def test_hosts_of_one_release_answer_together(differs: dict[str, str]) -> None:
    """A fix of the same release may be rolled out host by host."""
    assert problem_of(ME, [other(**differs)], NO_SKEW) is None


@pytest.mark.parametrize(("seconds", "refused"), [(4.9, False), (5.1, True), (-4.9, False), (-5.1, True)])
def test_a_clock_that_is_off_is_refused(seconds: float, refused: bool) -> None:
    """More than five seconds from the database's clock, either way, is too much."""
    problem = problem_of(ME, [], timedelta(seconds=seconds))
    assert (problem is not None and problem.reason == "clock") is refused


def seen_as(host: Services) -> tuple[str, str]:
    """Return whether a host is ready, and what it says of itself among others."""
    found = readiness(host)
    (said,) = [one.sentence for one in found if one.part == "host"]
    return status_of(found), said


def test_the_host_that_comes_second_is_not_ready(hosts: Hosts) -> None:
    """B with another model says so and makes no estimate; A goes on; B answers when both are alike."""
    hosts.a.host_watch.beat()
    bundle = make_tiny_bundle(hosts.b.settings.bundle_dir.with_name("other"), seed=7)
    strange = Services(hosts.b.settings.model_copy(update={"bundle_dir": bundle}))
    strange.host_watch.beat()
    status, said = seen_as(strange)
    assert status == "not ready"
    assert "The model of host b differs from that of a" in said
    with pytest.raises(HostRefused):
        strange.admit()
    hosts.a.host_watch.beat()
    assert seen_as(hosts.a)[0] == "ready"
    estimate(drawn_photo(), "me.jpg", hosts.a.pipeline())
    hosts.b.host_watch.beat()
    assert seen_as(hosts.b)[0] == "ready"
    strange.database.close()


def test_a_host_with_another_session_key_is_refused(hosts: Hosts) -> None:
    """People would be signed out whenever the other host answers; the key itself is not stored."""
    hosts.a.host_watch.beat()
    other_key = Services(hosts.b.settings.model_copy(update={"secret_key": "another key, long enough too"}))
    with pytest.raises(HostRefused, match="Set SECRET_KEY to"):
        other_key.host_watch.require()
    with hosts.a.database.reading() as session:
        stored = str(session.execute(text("SELECT * FROM hosts")).all())
    assert "key, long enough" not in stored
    other_key.database.close()


def test_a_host_whose_clock_is_off_is_refused(hosts: Hosts) -> None:
    """An hour ahead of the database, it says by how many seconds."""
    ahead = Services(hosts.b.settings, lambda: hosts.b.now() + timedelta(hours=1))
    with pytest.raises(HostRefused, match=r"differs .* by 3\d\d\d"):
        ahead.host_watch.require()
    ahead.database.close()


def test_a_host_that_was_not_seen_for_long_counts_no_more(hosts: Hosts) -> None:
    """After half a minute of silence the other one is the first; after a day, the silent one is forgotten."""
    store = HostStore(hosts.a.database)
    assert [one.name for one in store.meet(ME).earlier] == []
    assert [one.name for one in store.meet(other()).earlier] == ["one"]
    silent = "UPDATE hosts SET seen_at = now() - CAST(:ago AS interval) WHERE name = 'one'"
    for ago, known in (("31 seconds", ["one", "two"]), ("25 hours", ["two"])):
        with hosts.a.database.write_connection() as connection:
            connection.execute(text(silent), {"ago": ago})
        assert [one.name for one in store.meet(other()).earlier] == []
        assert [one.name for one, _ in store.all()] == known
    assert [one.name for one in store.meet(ME).earlier] == ["two"], "it comes back as the newer one"
