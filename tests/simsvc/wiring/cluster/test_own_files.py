"""What concerns the files of one host is said of that host alone."""

from __future__ import annotations

from simsvc.adapters.index.files.embedding_cache import FILE
from simsvc.flows.audit.served import FILES, INDEX
from simsvc.values.events import EventFilter, EventKind
from simsvc.wiring.audit.served_keeper import ServedKeeper
from simsvc.wiring.services import Services
from tests.simsvc.wiring.cluster.conftest import Hosts


def keeper(host: Services) -> ServedKeeper:
    return ServedKeeper(host.settings, host.database, lambda _seconds: False)


def served_events(host: Services) -> list[str]:
    with host.log.snapshot() as snapshot:
        return [one.event.subject for one in snapshot.newest(EventFilter(kind=EventKind.SERVED), 99)]


def test_a_damaged_file_of_one_host_is_not_mended_by_another(hosts: Hosts) -> None:
    """B's files differ, and A finds its own whole: the log says so of B once, and never that it ended."""
    folder = hosts.b.settings.index_root / hosts.second
    file = folder / "faces.annoy"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    for _ in range(2):
        keeper(hosts.b).hash_all()
        keeper(hosts.a).hash_all()
    assert served_events(hosts.a) == [f"served:{FILES[INDEX]}@b"]


def test_settings_are_logged_of_each_host_when_they_change(hosts: Hosts) -> None:
    """Hosts whose settings differ do not take turns in saying that they changed."""
    for host in (hosts.a, hosts.b, hosts.a, hosts.b):
        host.log_start()
    with hosts.a.log.snapshot() as snapshot:
        subjects = [one.event.subject for one in snapshot.newest(EventFilter(kind=EventKind.SETTINGS), 99)]
    assert sorted(name for name in subjects if name.startswith("settings")) == ["settings@a", "settings@b"]


def test_an_erasure_reaches_unfinished_builds_of_other_hosts(hosts: Hosts) -> None:
    """What B's interrupted build keeps of faces is deleted after A erased one, once."""
    cache = hosts.b.settings.index_root / "demo" / FILE
    cache.write_bytes(b"embeddings")
    looked = keeper(hosts.b)
    looked._look_if_due()
    assert cache.exists(), "nobody was erased"
    hosts.a.shelf.journal.erase(frozenset({"f"}))
    keeper(hosts.b)._look_if_due()
    assert not cache.exists()
    cache.write_bytes(b"embeddings")
    keeper(hosts.b)._look_if_due()
    assert cache.exists()
