"""Backup and restore of an installation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simsvc.adapters.ops import backup
from simsvc.adapters.ops.atomic_files import fingerprint
from simsvc.adapters.ops.backup import Places
from simsvc.adapters.ops.in_use import alone
from simsvc.errors import BackupRefused, StoreNotMigrated
from simsvc.flows.audit.verify_log import verify
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.database import Database
from simsvc.store.hosts import LIVE, HostStore
from simsvc.store.replace_tables import has_tables, replaced_tables
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.wiring.hosts.host_watch import boot_id, host_id
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.hosts.release import installed_version
from simsvc.wiring.services import Services, in_use_lock, open_database, private_places

OBJECTS = "objects"
"""Key in a manifest of the address of the object store, whose objects are not in the backup."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new backup: its size, and the address of the object store that is not in it, or ""."""

    size_bytes: int
    objects: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    Attributes:
        made_at: when the backup was made (UTC).
        events: in its log, which verified.
        aside: new paths of the previous data.
        objects: address of the object store that is not in the backup, or "".
    """

    made_at: str
    events: int
    aside: tuple[Path, ...]
    objects: str


def create(services: Services, out: Path) -> Created:
    """Back up into a new folder, and log it.

    Raises:
        BackupRefused: something cannot be copied, or the folder exists.
        StoreError: the database cannot be read, or the finished backup cannot be logged.
    """
    services.database.check()
    objects = services.settings.objects
    about = {
        "made_at": services.now().isoformat(timespec="seconds"),
        "simsvc": installed_version(),
        "revision": str(migrate.revision(services.database.engine)),
        **({OBJECTS: objects} if objects else {}),
    }
    size_bytes = backup.make(_places(services.settings), out, about)
    said = {"made_at": about["made_at"], "bytes": size_bytes}
    services.log.note(NewEvent(EventKind.BACKUP, COMMAND, "backup", said))
    return Created(size_bytes, objects)


def restore(services: Services, folder: Path, *, replace: bool) -> Restored:
    """Verify and restore a backup, upgrade its tables, and log it; the services' database is closed.

    Raises:
        BackupRefused: it is damaged, from a newer version, the service runs, or there is data without
            `replace`.
        StoreError: the restored database cannot be written.
    """
    with _unused(services):
        return _restore(services, folder, replace=replace)


@contextmanager
def _unused(services: Services) -> Iterator[None]:
    """See that neither the service nor a batch worker runs, and keep them from starting on this host."""
    with ExitStack() as held:
        try:
            is_alone = held.enter_context(alone(in_use_lock(services.settings)))
        except OSError as error:
            raise BackupRefused("not_restored", problem=f"{error.strerror}.", left="") from error
        if not is_alone:
            raise BackupRefused("in_use")
        yield


def _check_other_hosts(services: Services) -> None:
    """See that no other host is live on the database of PostgreSQL; the lock tells of this one."""
    me, since = (
        host_id(services.settings.host, services.settings.index_root, boot_id()),
        services.now() - LIVE,
    )
    names: list[str] = []
    with suppress(StoreNotMigrated):  # of before hosts shared one
        found = HostStore(services.database).all()
        names = [host.name for host, seen_at in found if seen_at > since and host.id != me]
    if names:
        raise BackupRefused("hosts_run", names=", ".join(names))


def _restore(services: Services, folder: Path, *, replace: bool) -> Restored:
    settings = services.settings
    about, places = backup.opened(folder), _places(settings)
    if about.get("revision") not in migrate.revisions():
        raise BackupRefused("newer_simsvc")
    backup.require_kind(folder, places)
    on_postgresql = services.database.is_shared
    there = on_postgresql and has_tables(services.database)
    if there:
        _check_other_hosts(services)
    services.database.close()
    if (there or backup.occupied(places)) and not replace:
        raise BackupRefused("in_the_way")
    stamp = services.now().strftime("%Y%m%dT%H%M%S")
    if on_postgresql:
        events, aside = _put_postgresql_back(settings, folder, stamp, keep=there)
    else:
        events = _events_of_copy(folder / backup.SQLITE)
        aside = backup.put_back(folder, places, stamp)
    _log_restore(settings, folder, about)
    return Restored(about.get("made_at", ""), events, aside, about.get(OBJECTS, settings.objects))


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


def _put_postgresql_back(
    settings: Settings, folder: Path, stamp: str, *, keep: bool
) -> tuple[int, tuple[Path, ...]]:
    """Restore tables and files, and return the number of verified events, and the paths of previous data.

    The tables are replaced in one transaction, which commits once their log is verified and the files are
    restored. Before that, the previous ones are dumped into a file, if they are to be kept.
    """
    places, database = _places(settings), open_database(settings)
    kept = (backup.dump_aside(places, stamp),) if keep else ()
    try:
        with closing(backup.dump_script(folder)) as script, replaced_tables(database, script) as session:
            events = _verified_events(LogSnapshot(session))
            aside = backup.put_back(folder, places, stamp)
    except BackupRefused:
        for file in kept:  # nothing was replaced
            file.unlink()
        raise
    finally:
        database.close()
    return events, (*kept, *aside)


def _events_of_copy(file: Path) -> int:
    """Verify the log in a copy of a SQLite file, and return the number of its events."""
    with tempfile.TemporaryDirectory() as beside:
        database = Database(f"sqlite:///{shutil.copy2(file, beside)}")
        try:
            migrate.upgrade(database.engine)
            with EventLog(database).snapshot() as snapshot:
                return _verified_events(snapshot)
        finally:
            database.close()


def _verified_events(snapshot: LogSnapshot) -> int:
    verdict = verify(snapshot, lambda _done, _total: None)
    if verdict.broken:
        raise BackupRefused("log", problem=verdict.broken.sentence)
    return verdict.events
