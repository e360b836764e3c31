"""What one host changes of the index, another one answers by at its next request."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from simsvc.adapters.index.files.pointer import FilePointer
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.index.served_state import state_in_files
from simsvc.adapters.photos.sources import read_source
from simsvc.domain.gallery.face_changes import ChangeSet
from simsvc.errors import BuildRunning, IndexMissing, StoreError
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.estimates.estimate import answered, estimate
from simsvc.ports import Index
from simsvc.store.index.faces import FaceStore
from simsvc.store.records.retirement import KeepingStore
from simsvc.values.events import COMMAND
from simsvc.wiring.audit.served import served_breaks
from simsvc.wiring.erasure import eraser
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.labelled_faces import live_faces_in_service
from simsvc.wiring.replay import recorded_pipeline
from tests.helpers import wait_until
from tests.postgres_server import closed_database
from tests.simsvc.cli.helpers import command_app, runner
from tests.simsvc.wiring.cluster.conftest import Hosts
from tests.small_site import draw_gallery, drawn_photo


def ids(index: Index) -> set[str]:
    assert isinstance(index, LiveIndex)
    return {face.face_id for face in index.faces}


def ages(index: Index) -> dict[str, float]:
    assert isinstance(index, LiveIndex)
    return {face.face_id: face.age_years for face in index.faces}


def added(hosts: Hosts, folder: Path) -> str:
    """Add a face on A, and return its ID."""
    source = read_source("folder", draw_gallery(folder, 12), name="clinic")
    faces = live_faces_in_service(hosts.a).add(source, COMMAND, lambda _done, _total: None).faces
    return faces[-1].face_id


def test_a_switch_on_one_host_is_followed_by_the_other(hosts: Hosts) -> None:
    """The next request on B is answered by the build that A put into service."""
    assert hosts.b.pipeline().index().label == hosts.second
    hosts.a.switcher().use(hosts.first)
    assert hosts.b.pipeline().index().label == hosts.first
    assert hosts.b.shelf.current() == hosts.b.current_build() == hosts.first
    assert not (hosts.a.settings.index_root / "current.json").exists()


def test_changes_of_faces_on_one_host_are_seen_on_the_other(hosts: Hosts, tmp_path: Path) -> None:
    """A face that A adds is found on B, and with its new label, and not once A removed it."""
    faces, index = live_faces_in_service(hosts.a), hosts.b.pipeline().index
    before = ids(index())
    face_id = added(hosts, tmp_path / "clinic")
    assert face_id in ids(index()) - before
    faces.relabel(face_id, 77.0, COMMAND)
    assert ages(index())[face_id] == 77.0
    faces.remove(face_id, COMMAND)
    assert face_id not in ids(index())


def test_who_is_erased_on_one_host_is_unseen_on_the_other(hosts: Hosts, tmp_path: Path) -> None:
    """Neither B's index nor its gallery shows a face after A erased it, and nothing of it is stored."""
    face_id = added(hosts, tmp_path / "clinic")
    index = hosts.b.pipeline().index
    assert hosts.b.gallery(hosts.second).is_pictured(face_id)
    assert face_id in ids(index())
    eraser(hosts.a).face(face_id, COMMAND)
    assert face_id not in ids(index())
    assert not hosts.b.gallery(hosts.second).is_pictured(face_id)
    with hosts.b.database.reading() as session:
        lines = session.execute(text("SELECT line FROM face_change_sets ORDER BY number")).scalars().all()
    assert [face_id in line for line in lines] == [False, True], "only that it was erased"
    assert eraser(hosts.a).unfinished() == 0


def test_both_hosts_verify_the_log(hosts: Hosts, tmp_path: Path) -> None:
    """After switches, changes of faces and an erasure, either host finds the log whole."""
    face_id = added(hosts, tmp_path / "clinic")
    hosts.b.switcher().use(hosts.first)
    eraser(hosts.b).face(face_id, COMMAND)
    for host in (hosts.a, hosts.b):
        assert served_breaks(host.settings, host.database, host.shelf) == ()
        with host.log.snapshot() as snapshot:
            assert verify(snapshot, lambda _done, _total: None).broken is None


def test_a_change_that_is_not_logged_did_not_happen(hosts: Hosts) -> None:
    """If the log cannot be written, neither set nor pointer is: all is one transaction."""
    journal = hosts.a.shelf.journal

    def write() -> int:
        journal.append(ChangeSet(removed=frozenset({"f"})))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        FaceStore(hosts.a.database).put([], "remove", COMMAND, write)
    assert journal.changes().number == hosts.b.shelf.journal.changes().number == 0
    with pytest.raises(RuntimeError):
        half_done(hosts)
    assert hosts.b.shelf.current() == hosts.second


def half_done(hosts: Hosts) -> None:
    with hosts.a.switches.recording(hosts.first, None, None, hosts.a.now()):
        hosts.a.shelf.switch(hosts.first)
        raise RuntimeError


def test_one_host_builds_at_a_time(hosts: Hosts) -> None:
    """While A builds, B is told so; when A's connection is cut, B may build."""
    with hosts.a.shelf.draft("demo"):
        with pytest.raises(BuildRunning, match="one of the hosts"), hosts.b.shelf.draft("other"):
            pass
        with hosts.b.database.write_connection() as connection:
            held = (
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock"
            )
            connection.execute(text(held), {"lock": 0x5142_4C44})
        wait_until(lambda: can_build(hosts), 5)
    assert can_build(hosts)


def can_build(hosts: Hosts) -> bool:
    try:
        with hosts.b.shelf.draft("other"):
            return True
    except BuildRunning:
        return False


def test_a_host_without_the_files_follows_when_they_are_there(hosts: Hosts, tmp_path: Path) -> None:
    """B answers by the last build and says which one it lacks; it follows once the folder is there."""
    current = hosts.b.pipeline().index
    hosts.a.switcher().use(hosts.first)
    assert current().label == hosts.first
    folder = hosts.b.settings.index_root / hosts.second
    shutil.move(folder, tmp_path / "aside")
    hosts.a.switcher().use(hosts.second)
    assert current().label == hosts.first
    problem = hosts.b.index_problem()
    assert isinstance(problem, IndexMissing)
    assert hosts.second in problem.sentence
    shutil.move(tmp_path / "aside", folder)
    wait_until(lambda: current().label == hosts.second, 5)
    assert hosts.b.index_problem() is None


def test_who_is_erased_is_unseen_on_a_host_without_the_files(hosts: Hosts, tmp_path: Path) -> None:
    """An erasure reaches B together with a switch that B cannot follow."""
    face_id = added(hosts, tmp_path / "clinic")
    hosts.a.switcher().use(hosts.first)
    gone = next(iter(ids(hosts.b.pipeline().index())))
    shutil.rmtree(hosts.b.settings.index_root / hosts.second)
    hosts.a.switcher().use(hosts.second)
    eraser(hosts.a).face(gone, COMMAND)
    index = hosts.b.pipeline().index()
    assert index.label == hosts.first
    assert gone not in ids(index)
    assert face_id not in ids(index), "it was added to another index"


def test_without_the_database_no_index_is_served(hosts: Hosts, postgres: str) -> None:
    """A host that cannot ask what was erased does not answer; it does again when it can ask."""
    index = hosts.b.pipeline().index
    index()
    with closed_database(postgres, hosts.b.settings.database_url), pytest.raises(StoreError):
        index()
    wait_until(lambda: answers(hosts), 3)
    assert index().label == hosts.second


def answers(hosts: Hosts) -> bool:
    with suppress(StoreError):
        hosts.b.pipeline().index()
        return True
    return False


def test_threads_of_a_host_see_an_erasure_at_once(hosts: Hosts, tmp_path: Path) -> None:
    """Of four threads that ask at the same time after an erasure, none is given the index of before."""
    face_id = added(hosts, tmp_path / "clinic")
    index = hosts.b.pipeline().index
    index()
    eraser(hosts.a).face(face_id, COMMAND)
    start, seen = threading.Barrier(4), list[bool]()

    def ask() -> None:
        start.wait()
        seen.append(face_id in ids(index()))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 4


def test_a_shared_database_takes_over_the_files_of_one_host(hosts: Hosts) -> None:
    """Pointer and face changes move from an earlier version's files, once, and the files are deleted."""
    root = hosts.a.settings.index_root
    files = state_in_files(root)
    files.pointer.write(hosts.first)
    change = ChangeSet(ages_years={"f": 30.0}, removed=frozenset({"g"}))
    files.journal.append(change)
    digests = files.journal.sha256s()
    assert not adopt_files(hosts.a.settings, hosts.a.database), "the database knows better"
    assert hosts.a.shelf.current() == hosts.second
    with hosts.a.database.write_connection() as connection:
        connection.execute(text("DELETE FROM served_pointer"))
    assert adopt_files(hosts.a.settings, hosts.a.database)
    assert hosts.b.shelf.current() == hosts.first
    assert hosts.b.shelf.journal.sha256s() == digests
    assert hosts.b.shelf.face_changes().removed == {"g"}
    assert not list(root.glob("*.json")) + list(root.glob("*.txt"))


def test_an_upgrade_moves_the_files_and_says_so(hosts: Hosts) -> None:
    """`flask db upgrade` moves what an earlier version on PostgreSQL kept in files, and does so once."""
    FilePointer(hosts.a.settings.index_root).write(hosts.first)
    with hosts.a.database.write_connection() as connection:
        connection.execute(text("DELETE FROM served_pointer"))
    app = command_app(hosts.a.settings)
    upgrade = runner(app, "db", "upgrade")
    assert "have moved from the index folder" in upgrade()
    assert hosts.b.shelf.current() == hosts.first
    assert "have moved" not in upgrade()
    app.extensions["simsvc"].database.close()


def test_a_record_of_one_host_is_replayed_on_the_other(hosts: Hosts, tmp_path: Path) -> None:
    """B makes A's estimate again, with the face changes of then, after more faces changed."""
    added(hosts, tmp_path / "clinic")
    recorded = estimate(drawn_photo(), "me.jpg", hosts.a.pipeline())
    for face_id in sorted(ids(hosts.a.pipeline().index()))[:3]:
        live_faces_in_service(hosts.a).remove(face_id, COMMAND)
    hosts.b.pipeline()  # which keeps a copy of the model on B
    again = recorded_pipeline(hosts.b, KeepingStore(hosts.b.database), hosts.b.estimates.find(recorded.id))
    answer = answered(drawn_photo(), "me.jpg", again)
    assert answer.neighbours == recorded.estimate.neighbours
    assert answer.age_years == recorded.estimate.age_years
