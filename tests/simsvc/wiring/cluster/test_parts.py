"""`flask check` on a host that shares PostgreSQL, Redis and a server that speaks S3 with others."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from simsvc.flows.health import Finding, look_over
from simsvc.settings import Settings
from simsvc.store.hosts import HostRow
from simsvc.values.hosts import Host
from simsvc.wiring import parts
from simsvc.wiring.hosts.host_watch import host_id
from simsvc.wiring.parts import shared_parts
from simsvc.wiring.services import Services
from tests.object_servers import READER, S3Server
from tests.postgres_server import closed_database
from tests.redis_server import redis_server
from tests.small_site import make_small_site

PASSWORD = "a password / with @ signs"  # noqa: S105 - of a server that ends with the test


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str, s3: S3Server, s3_url: str) -> Settings:
    access, base = s3.access(), make_small_site
    shared = {
        "objects": s3_url,
        "objects_endpoint": access.endpoint,
        "aws_access_key_id": access.key_id,
        "aws_secret_access_key": access.secret,
        "cache_dir": tmp_path / "cache",
    }
    return base(tmp_path / "site", 8, postgres_url).model_copy(update=shared)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    made = Services(settings)
    yield made
    made.database.close()


def look(services: Services, ray: str = "") -> dict[str, Finding]:
    return {finding.part: finding for finding in look_over(shared_parts(services, ray))}


def wrong(services: Services) -> set[str]:
    return {part for part, finding in look(services).items() if not finding.well}


def published(services: Services) -> str:
    """Put the small site's build, which was made before there was a store, into it; return its label."""
    label = services.shelf.current()
    assert label
    folder = services.settings.index_root / label
    assert services.objects is not None
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "manifest.json"):
        services.objects.put_file(f"indexes/{label}/{path.name}", path)
    return label


def test_every_shared_part_is_looked_at(services: Services) -> None:
    """Server, clock, hosts, batches, rates, objects and cache are well, each said with its figures."""
    label, host = published(services), services.settings.host
    found = look(services)
    assert list(found) == ["server", "clock", "hosts", "batches", "rates", "objects", "cache"]
    assert all(finding.well for finding in found.values()), found
    assert found["hosts"].sentence.startswith(f"1 live: {host} (")
    assert found["cache"].sentence.startswith(f"{label} was fetched")
    assert look(services)["cache"].sentence.endswith("intact.")
    assert found["rates"].sentence.startswith("WARNING")


def test_a_machine_of_its_own_has_no_shared_parts(tmp_path: Path) -> None:
    """With SQLite, local folders and counts in memory, nothing is added to the check."""
    services = Services(make_small_site(tmp_path, 4))
    assert look(services) == {}
    services.database.close()


def test_rates_are_asked_of_redis(services: Services) -> None:
    """The address is shown without its password; once Redis is gone, the check fails and says the cure."""
    with redis_server(PASSWORD) as (_, port):
        url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0"
        services.settings = services.settings.model_copy(update={"rate_storage": url})
        assert look(services)["rates"].sentence.startswith(
            f"Requests are counted at redis://:***@127.0.0.1:{port}"
        )
    assert "Start the server" in look(services)["rates"].sentence


def test_a_database_that_is_gone_is_said_once_for_each_part(postgres: str, services: Services) -> None:
    """What needs the database fails with its sentence, and the others are looked at all the same."""
    published(services)
    with closed_database(postgres, services.settings.database_url):
        assert wrong(services) >= {"server", "clock", "hosts", "batches"}
        assert look(services)["objects"].well


def test_a_bucket_without_the_right_to_write_is_said(s3: S3Server, settings: Settings) -> None:
    """An account that may only read is refused with the right that it lacks."""
    access = s3.access(READER)
    keys = {"aws_access_key_id": access.key_id, "aws_secret_access_key": access.secret}
    reading = Services(settings.model_copy(update=keys))
    finding = look(reading)["objects"]
    assert not finding.well
    assert finding.code == "objects_refused"
    reading.database.close()


def test_another_hosts_version_is_named(services: Services) -> None:
    """Where an older host of another release is live, the check names it and its version."""
    other = Host("f" * 16, "web-9", "0.1.0", "0026", None, "0" * 16)
    parts.HostStore(services.database).meet(other)
    finding = look(services)["hosts"]
    assert not finding.well
    assert "web-9" in finding.sentence
    assert "0.1.0" in finding.sentence


def test_hosts_of_the_same_name_are_named(services: Services) -> None:
    """Where two machines have one name, the check says so: events could not tell them apart."""
    host = services.settings.host
    services.host_watch.beat()
    with services.database.reading() as session:
        mine = session.scalars(select(HostRow)).one()
    other = Host("f" * 16, host, mine.version, mine.schema, mine.model_sha256, mine.key_digest)
    parts.HostStore(services.database).meet(other)
    finding = look(services)["hosts"]
    assert finding.code == "part_unfit"
    assert f"the same name: {host}." in finding.sentence


def test_machines_with_one_name_and_folder_are_two_hosts(tmp_path: Path) -> None:
    """What differs between machines is a part of a host's id."""
    assert host_id("web", tmp_path, "one") != host_id("web", tmp_path, "two")
    assert host_id("web", tmp_path, "one") == host_id("web", tmp_path, "one")


def test_a_clock_that_is_off_is_said(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose clock is a minute behind the database's is told by how much."""
    facts = parts.server_facts(services.database)
    behind = (*facts[:3], facts[3] - timedelta(minutes=1))
    monkeypatch.setattr(parts, "server_facts", lambda _database: behind)
    assert "60." in look(services)["clock"].sentence


def test_a_ray_cluster_that_is_not_there_is_said(services: Services) -> None:
    """An address at which nothing listens fails with the command that shows why."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        finding = look(services, address)["ray"]
    assert not finding.well
    assert finding.code == "ray_unreachable"
    assert replace(finding, sentence="").part == "ray"
