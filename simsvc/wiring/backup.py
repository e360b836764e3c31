"""Backup and restore of an installation."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from simsvc.adapters.ops import backup
from simsvc.adapters.ops.atomic_files import fingerprint
from simsvc.adapters.ops.backup import Places
from simsvc.errors import BackupRefused
from simsvc.flows.audit.verify_log import verify
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.hosts.release import installed_version
from simsvc.wiring.services import Services, open_database, private_places


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore: when the backup was made (UTC), events in its log, new paths of the previous data."""

    made_at: str
    events: int
    aside: tuple[Path, ...]


def create(services: Services, out: Path) -> int:
    """Back up into a new folder, log it, and return its size in bytes.

    Raises:
        BackupRefused: something cannot be copied, or the folder exists.
        StoreError: the database cannot be read, or the finished backup cannot be logged.
    """
    services.database.check()
    about = {
        "made_at": services.now().isoformat(timespec="seconds"),
        "simsvc": installed_version(),
        "revision": str(migrate.revision(services.database.engine)),
    }
    size_bytes = backup.make(_places(services.settings), out, about)
    said = {"made_at": about["made_at"], "bytes": size_bytes}
    services.log.note(NewEvent(EventKind.BACKUP, COMMAND, "backup", said))
    return size_bytes


def restore(services: Services, folder: Path, *, replace: bool) -> Restored:
    """Verify and restore a backup, upgrade its tables, and log it; the services' database is closed.

    Raises:
        BackupRefused: it is damaged, from a newer version, or there is data without `replace`.
        StoreError: the restored database cannot be written.
    """
    about, places = backup.opened(folder), _places(services.settings)
    if about.get("revision") not in migrate.revisions():
        raise BackupRefused("newer_simsvc")
    events = _events(folder)
    services.database.close()
    if backup.occupied(places) and not replace:
        raise BackupRefused("in_the_way")
    aside = backup.put_back(folder, places, services.now().strftime("%Y%m%dT%H%M%S"))
    _log_restore(services.settings, folder, about)
    return Restored(about.get("made_at", ""), events, aside)


def _log_restore(settings: Settings, folder: Path, about: dict[str, str]) -> None:
    content = {
        "backup": folder.name,
        "made_at": about.get("made_at", ""),
        "manifest_sha256": fingerprint(folder / backup.MANIFEST).sha256,
        "by": backup.operator(),
    }
    database = open_database(settings)
    try:
        migrate.upgrade(database.engine)
        adopt_files(settings, database)
        EventLog(database).note(NewEvent(EventKind.RESTORE, COMMAND, "backup", content))
        private_places(settings).close()
    finally:
        database.close()


def _places(settings: Settings) -> Places:
    folders = {"indexes": settings.index_root, "models": settings.model_root}
    return Places(settings.database_url, folders, settings.secret_key_file)


def _events(folder: Path) -> int:
    """Verify the log in a copy of a SQLite backup; PostgreSQL checks its dump when restoring."""
    if not (folder / backup.SQLITE).is_file():
        return 0
    with tempfile.TemporaryDirectory() as beside:
        copy = shutil.copy2(folder / backup.SQLITE, beside)
        database = Database(f"sqlite:///{copy}")
        migrate.upgrade(database.engine)
        with EventLog(database).snapshot() as snapshot:
            verdict = verify(snapshot, lambda _done, _total: None)
        database.close()
    if verdict.broken:
        raise BackupRefused("log", problem=verdict.broken.sentence)
    return verdict.events
