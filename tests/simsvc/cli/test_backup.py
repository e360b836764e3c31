from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from simsvc.adapters.ops.atomic_files import fingerprint
from simsvc.adapters.ops.backup import Places, make
from simsvc.adapters.ops.in_use import alone, share
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.hosts import HostStore
from simsvc.store.tables import EstimateRow, EventContentRow, EventRow
from simsvc.values.events import EventKind
from simsvc.values.hosts import Host
from simsvc.web.app import create_app
from simsvc.wiring.hosts.host_watch import boot_id, host_id
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.services import Services, in_use_lock
from tests.helpers import ROOT, wait_until
from tests.object_servers import S3Server
from tests.postgres_server import fresh_database
from tests.servers import PATIENCE_S, answers, children_of, environment_of, free_port, running, working
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.small_site import drawn_photo, make_small_site

FACES = 8
"""Enough to estimate by."""
OLDER = "0020"
"""A revision before the tables of the log's tree, of hosts and of what they share."""


def installation(settings: Settings) -> tuple[Services, Run]:
    app = command_app(settings)
    return app.extensions["simsvc"], runner(app, "backup")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    made = make_small_site(tmp_path / "site", FACES)
    made = made.model_copy(
        update={
            "database_url": database_url,
            "secret_key": "",
            "secret_key_file": tmp_path / "site" / "key",
            "log_key_file": None,
        }
    )
    desk = create_app(made).extensions["simsvc"]
    desk.secret_key()
    adopt_files(made, desk.database)
    desk.switcher().use(desk.shelf.current())
    for number in range(3):
        estimate(drawn_photo(number), f"{number}.jpg", desk.pipeline())
    desk.database.close()
    return made


def elsewhere(settings: Settings, folder: Path, url: str) -> Settings:
    return settings.model_copy(
        update={
            "database_url": url,
            "index_root": folder / "indexes",
            "model_root": folder / "models",
            "secret_key_file": folder / "key",
            "log_key_file": None,
        }
    )


@pytest.fixture
def restored(settings: Settings, tmp_path: Path) -> Iterator[tuple[Services, str]]:
    """Make a backup while someone writes; return what was restored from it, and the key before."""
    desk, run = installation(settings)
    key = desk.secret_key()
    done = threading.Event()

    def write() -> None:
        other = create_app(settings).extensions["simsvc"]
        while not done.is_set():
            estimate(b"no photo", "x.jpg", other.pipeline())
        other.database.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert "Backed up" in run("create", str(tmp_path / "kept"))
        assert desk.log.last_at(EventKind.BACKUP)
    finally:
        done.set()
        writer.join()
    desk.database.close()
    if not settings.database_url.startswith("sqlite"):
        there = settings
        shutil.rmtree(settings.index_root / "small", ignore_errors=True)
        output = installation(there)[1]("restore", str(tmp_path / "kept"), "--replace")
    else:
        there = elsewhere(settings, tmp_path / "new", f"sqlite:///{tmp_path / 'new' / 'there.sqlite3'}")
        output = installation(there)[1]("restore", str(tmp_path / "kept"))
    assert "Restored" in output
    back = installation(there)[0]
    yield back, key
    back.database.close()


def test_a_backup_made_under_writing_is_whole(restored: tuple[Services, str]) -> None:
    """Records are there, and the log fits."""
    desk, _ = restored
    with desk.database.reading() as session:
        assert (session.scalar(select(func.count()).select_from(EstimateRow)) or 0) >= 3
    with desk.log.snapshot() as snapshot:
        assert verify(snapshot, lambda _done, _total: None).broken is None
        assert snapshot.count() > 3


def test_the_password_of_postgresql_is_passed_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_dump gets the password as it is, and no command line shows it, masked or not."""
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "$1" > {tmp_path / "called"}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    url = "postgresql+psycopg://simsvc:pw%2F%401@db.example/simsvc?sslmode=verify-full"
    make(Places(url, {}, tmp_path / "no-key"), tmp_path / "kept", {})
    assert (tmp_path / "called").read_text().splitlines() == [
        "pw/@1",
        "--dbname=postgresql://simsvc@db.example/simsvc?sslmode=verify-full",
    ]


def test_a_restore_is_on_record(restored: tuple[Services, str], tmp_path: Path) -> None:
    """The last event names the backup, when it was made, and who restored it."""
    with restored[0].database.reading() as session:
        event = session.scalars(select(EventRow).order_by(EventRow.seq.desc()).limit(1)).one()
        said = json.loads(session.get_one(EventContentRow, event.seq).content)
    stated = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert (event.kind, event.actor, event.subject) == ("restore", "command", "backup")
    assert (said["backup"], said["made_at"]) == ("kept", stated["made_at"])
    assert said["by"] == pwd.getpwuid(os.getuid()).pw_name


def test_what_is_restored_serves_as_before(restored: tuple[Services, str]) -> None:
    """Its key is the old one, and with its index and model it answers."""
    desk, key = restored
    assert desk.secret_key() == key
    assert estimate(drawn_photo(), "again.jpg", desk.pipeline()).estimate.status == "estimated"


def test_what_is_there_is_moved_aside_and_only_when_asked(tmp_path: Path) -> None:
    """Without --replace nothing is touched; with it, what was there lies beside."""
    settings = make_small_site(tmp_path / "site", FACES)
    desk, run = installation(settings)
    estimate(drawn_photo(), "a.jpg", desk.pipeline())
    run("create", str(tmp_path / "kept"))
    estimate(drawn_photo(1), "b.jpg", desk.pipeline())
    assert "--replace" in run("restore", str(tmp_path / "kept"), exit_code=1)
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(EstimateRow)) == 2
    output = installation(settings)[1]("restore", str(tmp_path / "kept"), "--replace")
    assert "The previous data is now in" in output
    back, _ = installation(settings)
    with back.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(EstimateRow)) == 1
    aside = list(tmp_path.rglob("*.before-*"))
    assert any(".sqlite3.before" in path.name for path in aside)
    back.database.close()


@pytest.mark.parametrize("harm", ["missing", "changed", "manifest", "nothing"])
def test_a_backup_that_is_not_whole_changes_nothing(tmp_path: Path, harm: str) -> None:
    """A file gone or changed, a manifest that is none, no back-up at all: refused in a sentence, first."""
    settings = make_small_site(tmp_path / "site", FACES)
    desk, run = installation(settings)
    kept = tmp_path / "kept"
    run("create", str(kept))
    database = kept / "database.sqlite3"
    if harm == "missing":
        database.unlink()
    elif harm == "changed":
        data = bytearray(database.read_bytes())
        data[-1] ^= 1
        database.write_bytes(data)
    elif harm == "manifest":
        (kept / "manifest.json").write_text("[]")
    else:
        shutil.rmtree(kept)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*.json")}
    output = run("restore", str(kept), "--replace", exit_code=1)
    assert "backup" in output
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*.json")} == before
    desk.database.close()


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """A second back-up of the same name is refused, and the first one stays."""
    _, run = installation(make_small_site(tmp_path / "site", FACES))
    run("create", str(tmp_path / "kept"))
    assert "That name is already taken" in run("create", str(tmp_path / "kept"), exit_code=1)
    assert (tmp_path / "kept" / "manifest.json").is_file()


def estimates(database_url: str) -> int:
    database = Database(database_url)
    with database.reading() as session:
        found = session.scalar(select(func.count()).select_from(EstimateRow))
    database.close()
    return found or 0


def replaced(settings: Settings, kept: Path, exit_code: int = 0) -> str:
    """Restore with --replace, and return what the command prints."""
    desk, run = installation(settings)
    desk.database.close()
    return run("restore", str(kept), "--replace", exit_code=exit_code)


def with_one_more(settings: Settings, kept: Path) -> Settings:
    """Make a backup, then another estimate, and return the settings."""
    desk, run = installation(settings)
    run("create", str(kept))
    estimate(drawn_photo(3), "3.jpg", desk.pipeline())
    desk.database.close()
    return settings


@pytest.fixture
def more(settings: Settings, tmp_path: Path) -> Settings:
    """Make a backup, then another estimate, the fourth."""
    return with_one_more(settings, tmp_path / "kept")


def test_a_restore_says_how_many_events_it_verified(settings: Settings, tmp_path: Path) -> None:
    """The number is that of the log as it was backed up, on both databases."""
    desk, run = installation(settings)
    with desk.log.snapshot() as snapshot:
        events = snapshot.count()
    run("create", str(tmp_path / "kept"))
    desk.database.close()
    assert events > 3
    assert f"The log is intact: {events} events." in replaced(settings, tmp_path / "kept")


def test_a_log_that_does_not_verify_is_not_restored(settings: Settings, tmp_path: Path) -> None:
    """A record that was changed by hand before the backup: refused, and everything stays as it is."""
    desk, run = installation(settings)
    with desk.database.transaction() as session:
        session.execute(update(EstimateRow).values(photo_name="another.jpg"))
    run("create", str(tmp_path / "kept"))
    estimate(drawn_photo(3), "3.jpg", desk.pipeline())
    desk.database.close()
    assert "The log in the backup does not verify" in replaced(settings, tmp_path / "kept", 1)
    assert estimates(settings.database_url) == 4
    assert list(tmp_path.rglob("*.before-*")) == []


def test_only_when_asked_are_records_replaced(more: Settings, tmp_path: Path) -> None:
    """Without --replace, a database with tables stays, also where there are no files in the way."""
    shutil.rmtree(more.index_root)
    shutil.rmtree(more.model_root, ignore_errors=True)
    desk, run = installation(more)
    desk.database.close()
    assert "--replace" in run("restore", str(tmp_path / "kept"), exit_code=1)
    assert estimates(more.database_url) == 4


@pytest.fixture
def on_postgresql(tmp_path: Path, postgres_url: str) -> Settings:
    """Return an installation with an estimate in PostgreSQL, and no backup yet."""
    made = make_small_site(tmp_path / "site", database_url=postgres_url)
    desk = create_app(made).extensions["simsvc"]
    estimate(drawn_photo(), "0.jpg", desk.pipeline())
    desk.database.close()
    return made


@pytest.fixture
def changed(on_postgresql: Settings, tmp_path: Path) -> Settings:
    """Back up that installation, and make its second estimate."""
    return with_one_more(on_postgresql, tmp_path / "kept")


def test_the_replaced_tables_of_postgresql_are_kept_as_a_dump(
    changed: Settings, tmp_path: Path, postgres: str
) -> None:
    """The command names the dump; it has both estimates, and only its owner can read it."""
    output = replaced(changed, tmp_path / "kept")
    assert estimates(changed.database_url) == 1
    (dump,) = changed.index_root.parent.glob("database.dump.before-*")
    assert f"The previous data is now in {dump}." in output
    assert dump.stat().st_mode & 0o077 == 0
    with fresh_database(postgres, "of_the_dump") as url:
        subprocess.run(["pg_restore", f"--dbname={url}", "--no-owner", str(dump)], check=True)
        assert estimates(url) == 2


def test_files_that_cannot_be_restored_leave_postgresql_as_it_was(changed: Settings, tmp_path: Path) -> None:
    """A folder of models that is no folder: refused, and the later records are there."""
    shutil.rmtree(changed.model_root, ignore_errors=True)
    changed.model_root.write_text("no folder")
    assert "The backup could not be restored" in replaced(changed, tmp_path / "kept", 1)
    assert estimates(changed.database_url) == 2


def test_a_dump_that_breaks_off_leaves_postgresql_as_it_was(changed: Settings, tmp_path: Path) -> None:
    """Half a dump that its manifest states is refused, without a copy of what was not replaced."""
    dump, manifest = tmp_path / "kept" / "database.dump", tmp_path / "kept" / "manifest.json"
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    stated = json.loads(manifest.read_text())
    stated["files"]["database.dump"] = asdict(fingerprint(dump))
    manifest.write_text(json.dumps(stated))
    assert "The backup could not be restored" in replaced(changed, tmp_path / "kept", 1)
    assert estimates(changed.database_url) == 2
    assert list(tmp_path.rglob("*.before-*")) == []


def test_a_backup_of_the_other_database_changes_nothing(changed: Settings, tmp_path: Path) -> None:
    """One of SQLite is refused on PostgreSQL before any file is moved."""
    _, run = installation(make_small_site(tmp_path / "other"))
    run("create", str(tmp_path / "of-sqlite"))
    assert "This backup is of a SQLite database" in replaced(changed, tmp_path / "of-sqlite", 1)
    assert list(tmp_path.rglob("*.before-*")) == []


def test_a_backup_of_before_an_upgrade_is_restored_over_newer_tables(
    changed: Settings, tmp_path: Path, postgres: str
) -> None:
    """Tables that its version did not have yet are made again."""
    with fresh_database(postgres, "of_an_older_version") as url:
        older = Database(url)
        migrate.upgrade(older.engine, OLDER)
        older.close()
        make(Places(url, {}, tmp_path / "no-key"), tmp_path / "older", {"revision": OLDER})
    assert "Restored" in replaced(changed, tmp_path / "older")
    assert estimates(changed.database_url) == 0


@pytest.fixture
def with_objects(on_postgresql: Settings, s3: S3Server, s3_url: str) -> Settings:
    access = s3.access()
    return on_postgresql.model_copy(
        update={
            "objects": s3_url,
            "objects_endpoint": access.endpoint,
            "aws_access_key_id": access.key_id,
            "aws_secret_access_key": access.secret,
        }
    )


def test_a_backup_says_which_objects_it_does_not_include(with_objects: Settings, tmp_path: Path) -> None:
    """The command and the manifest name the store."""
    desk, run = installation(with_objects)
    output = run("create", str(tmp_path / "kept"))
    desk.database.close()
    assert (
        f"Not in this backup: the index builds, kept models and photos in {with_objects.objects}." in output
    )
    stated = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert stated["objects"] == with_objects.objects


def test_a_restore_warns_of_objects_that_it_does_not_restore(with_objects: Settings, tmp_path: Path) -> None:
    """It names the store of the backup."""
    desk, run = installation(with_objects)
    run("create", str(tmp_path / "kept"))
    desk.database.close()
    output = replaced(with_objects, tmp_path / "kept")
    assert (
        f"Not in this backup: the index builds, kept models and photos in {with_objects.objects}." in output
    )


def test_a_backup_of_everything_names_no_objects(more: Settings, tmp_path: Path) -> None:
    """Without an object store, neither the command nor the manifest says that anything is missing."""
    assert "Not in this backup" not in replaced(more, tmp_path / "kept")
    assert "objects" not in json.loads((tmp_path / "kept" / "manifest.json").read_text())


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """Make a site of SQLite with one estimate, a backup of it, then another estimate."""
    settings = make_small_site(tmp_path / "site", FACES)
    settings = settings.model_copy(update={"secret_key_file": tmp_path / "site" / "key"})
    desk, run = installation(settings)
    estimate(drawn_photo(), "a.jpg", desk.pipeline())
    run("create", str(tmp_path / "kept"))
    estimate(drawn_photo(1), "b.jpg", desk.pipeline())
    desk.database.close()
    return settings


def test_a_checkpoint_of_before_the_backup_proves_the_restored_log(small: Settings, tmp_path: Path) -> None:
    """One of after it would count the event of the backup, too, which the backup does not have."""
    app = command_app(small)
    runner(app, "audit")("checkpoint", "--out", str(tmp_path / "checkpoint.txt"))
    runner(app, "backup")("create", str(tmp_path / "later"))
    app.extensions["simsvc"].database.close()
    replaced(small, tmp_path / "later")
    assert "and everything before it, unchanged" in runner(command_app(small), "audit")(
        "prove", str(tmp_path / "checkpoint.txt")
    )


def is_in_use(settings: Settings) -> bool:
    with alone(in_use_lock(settings)) as is_alone:
        return not is_alone


def refused(
    settings: Settings, tmp_path: Path, sentence: str = "The service or a batch worker is running."
) -> None:
    """Restore; see that it is refused, and that everything is where it was."""
    before = estimates(settings.database_url)
    assert sentence in replaced(settings, tmp_path / "kept", 1)
    assert estimates(settings.database_url) == before
    assert list(tmp_path.rglob("*.before-*")) == []


@pytest.mark.slow
def test_nothing_is_restored_while_the_service_runs(small: Settings, tmp_path: Path) -> None:
    """It would go on writing into the files that were moved aside."""
    with running(small, tmp_path / "log"):
        refused(small, tmp_path)
    replaced(small, tmp_path / "kept")
    assert estimates(small.database_url) == 1


@pytest.mark.slow
def test_nothing_is_restored_while_a_batch_worker_runs(small: Settings, tmp_path: Path) -> None:
    """It writes, too; killed, it is in nobody's way."""
    with working(small) as worker:
        wait_until(lambda: is_in_use(small), PATIENCE_S)
        refused(small, tmp_path)
        worker.send_signal(signal.SIGKILL)
        worker.wait(PATIENCE_S)
        wait_until(lambda: not is_in_use(small), PATIENCE_S)  # the child that judges ends with it
        replaced(small, tmp_path / "kept")
    assert estimates(small.database_url) == 1


@pytest.fixture
def started(small: Settings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server that a test may kill."""
    bind, log = f"127.0.0.1:{free_port()}", tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:simsvc.web.gunicorn_conf"]
    command += ["--bind", bind, "--workers", "1", "simsvc.web.app:create_app()"]
    environment = environment_of(small, SIMSVC_BATCH_WORKER="0")
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, env=environment, stderr=out) as server:
        wait_until(lambda: answers(bind, server, log), PATIENCE_S)
        yield server


@pytest.mark.slow
def test_a_worker_of_a_killed_server_keeps_restores_away(
    small: Settings, tmp_path: Path, started: subprocess.Popen[bytes]
) -> None:
    """After kill -9 of gunicorn's first process, a restore works once the last worker has ended."""
    (worker,) = children_of(started.pid)
    os.kill(worker, signal.SIGSTOP)
    started.kill()
    started.wait(PATIENCE_S)
    refused(small, tmp_path)
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: not is_in_use(small), PATIENCE_S)
    replaced(small, tmp_path / "kept")
    assert estimates(small.database_url) == 1


def test_nothing_is_restored_while_the_installation_is_in_use(more: Settings, tmp_path: Path) -> None:
    """On both databases, the lock of one process on this host is enough."""
    lock = share(in_use_lock(more))
    assert lock is not None
    refused(more, tmp_path)
    os.close(lock)
    replaced(more, tmp_path / "kept")
    assert estimates(more.database_url) == 3


def is_live(settings: Settings, id_: str, name: str) -> None:
    """Put on record that a host is live."""
    database = Database(settings.database_url)
    HostStore(database).meet(Host(id_, name, "0.2.0", "0001", None, "0" * 16))
    database.close()


def test_nothing_is_restored_while_another_host_is_live(changed: Settings, tmp_path: Path) -> None:
    """On PostgreSQL, the command names the hosts that would go on writing."""
    is_live(changed, "another", "web2")
    refused(changed, tmp_path, "These hosts still run on the database: web2.")


def test_this_host_is_not_in_its_own_way(changed: Settings, tmp_path: Path) -> None:
    """Its service has just been stopped, as its lock says, and is listed as live for half a minute."""
    is_live(changed, host_id(changed.host, changed.index_root, boot_id()), changed.host)
    replaced(changed, tmp_path / "kept")
    assert estimates(changed.database_url) == 1
