"""A host is live until its last service was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.store.hosts import HostRow
from simsvc.wiring.host_presence import HostPresence
from simsvc.wiring.services import Services
from tests.helpers import wait_until
from tests.servers import children_of, running, working
from tests.small_site import make_small_site

STARTS_WITHIN_S = 60


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    return make_small_site(tmp_path / "site", 8, postgres_url)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    made = Services(settings)
    yield made
    made.database.close()


def live_since(settings: Settings) -> list[datetime]:
    """Return since when each host on record has been live."""
    database = Database(settings.database_url)
    with database.reading() as session:
        found = list(session.scalars(select(HostRow.started_at)))
    database.close()
    return found


@pytest.mark.slow
def test_a_server_that_was_stopped_is_gone(settings: Settings, tmp_path: Path) -> None:
    """Two web workers and a batch worker, ended by SIGTERM to the first process, leave no live host."""
    with running(settings, tmp_path / "log", workers=2, SIMSVC_BATCH_WORKER="1"):
        wait_until(lambda: len(live_since(settings)) == 1, STARTS_WITHIN_S)
    assert live_since(settings) == []


@pytest.mark.slow
def test_a_batch_worker_that_ends_beside_a_server_removes_nothing(settings: Settings, tmp_path: Path) -> None:
    """The host stays live without a break while the server goes on."""
    with running(settings, tmp_path / "log"):
        wait_until(lambda: len(live_since(settings)) == 1, STARTS_WITHIN_S)
        since = live_since(settings)
        with working(settings) as worker:
            wait_until(lambda: bool(children_of(worker.pid)), STARTS_WITHIN_S)
        assert live_since(settings) == since


@pytest.mark.slow
def test_a_batch_worker_alone_is_gone_when_it_was_stopped(settings: Settings) -> None:
    """A host of batch workers only leaves with its last one."""
    with working(settings):
        wait_until(lambda: len(live_since(settings)) == 1, STARTS_WITHIN_S)
    assert live_since(settings) == []


def test_the_last_of_several_services_takes_the_host_off(settings: Settings, services: Services) -> None:
    """Whatever the order in which they began."""
    first, second = HostPresence(settings), HostPresence(settings)
    first.begin()
    second.begin()
    services.host_watch.beat()
    first.end()
    assert len(live_since(settings)) == 1
    second.end()
    assert live_since(settings) == []


def test_a_service_that_never_began_takes_nothing_off(settings: Settings, services: Services) -> None:
    """Such as one whose folder cannot be written: nobody knows whether another one runs."""
    services.host_watch.beat()
    HostPresence(settings).end()
    assert len(live_since(settings)) == 1


def test_a_check_makes_no_host_live(settings: Settings, services: Services) -> None:
    """What `flask check` says of its host ends with it, unless a service of the host runs."""
    services.host_watch.beat()
    HostPresence(settings).leave_after_command()
    assert live_since(settings) == []
    presence = HostPresence(settings)
    presence.begin()
    services.host_watch.beat()
    HostPresence(settings).leave_after_command()
    assert len(live_since(settings)) == 1
    presence.end()
    services.host_watch.beat()
    HostPresence(settings).leave_after_command()
    assert live_since(settings) == []


def test_a_machine_of_its_own_has_no_lock(tmp_path: Path) -> None:
    """With SQLite, there is nothing to be taken off."""
    settings = make_small_site(tmp_path, 4)
    presence = HostPresence(settings)
    presence.begin()
    presence.end()
    assert not (settings.index_root / ".host.lock").exists()


def test_a_host_ends_where_the_database_is_gone(settings: Settings) -> None:
    """It counts as live for a while; nothing else keeps it."""
    away = settings.model_copy(update={"database_url": "postgresql://simsvc@127.0.0.1:1/simsvc"})
    presence = HostPresence(away)
    presence.begin()
    presence.end()
