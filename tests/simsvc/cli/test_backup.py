from __future__ import annotations

import json
import os
import pwd
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from simsvc.adapters.ops.backup import Places, make
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.store.tables import EstimateRow, EventContentRow, EventRow
from simsvc.values.events import EventKind
from simsvc.web.app import create_app
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.services import Services
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.small_site import drawn_photo, make_small_site


def installation(settings: Settings) -> tuple[Services, Run]:
    app = command_app(settings)
    return app.extensions["simsvc"], runner(app, "backup")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    made = make_small_site(tmp_path / "site")
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
    settings = make_small_site(tmp_path / "site")
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
    settings = make_small_site(tmp_path / "site")
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
    _, run = installation(make_small_site(tmp_path / "site"))
    run("create", str(tmp_path / "kept"))
    assert "That name is already taken" in run("create", str(tmp_path / "kept"), exit_code=1)
    assert (tmp_path / "kept" / "manifest.json").is_file()
