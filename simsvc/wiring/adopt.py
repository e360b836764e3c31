"""Move the installation of one machine into PostgreSQL and an object store; the old one stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simsvc.adapters.index.build_folders import BUILDS
from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.files.face_journal import FaceJournal
from simsvc.adapters.index.files.manifest import FILE as MANIFEST
from simsvc.adapters.index.files.pointer import FilePointer
from simsvc.adapters.inference.bundle import DOCUMENT
from simsvc.adapters.inference.model_store import MODELS, ModelStore
from simsvc.adapters.photos.object_spool import PREFIX as WAITING
from simsvc.errors import AdoptionRefused
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.mirror import Mirrored, mirror
from simsvc.ports import ObjectStore
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.copy_records import Copied, Progress, check_target, copy_records
from simsvc.store.database import Database, sqlite_file, without_password
from simsvc.store.desk.batches import BatchStore
from simsvc.store.hosts import LIVE, HostStore
from simsvc.store.index.adoption import AdoptionStore
from simsvc.store.index.face_sets import FaceSetStore
from simsvc.store.index.pointer import PointerStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.wiring.hosts.objects import open_objects
from simsvc.wiring.services import open_database


@dataclass(frozen=True, slots=True)
class Old:
    """Where the old installation is: its database, or "" if it is the new one's; its folders."""

    database_url: str
    indexes: Path
    models: Path
    batches: Path


@dataclass(frozen=True, slots=True)
class Adopted:
    """What an installation had, and what of it this run copied.

    Attributes:
        tables: none if the old installation used PostgreSQL.
        events: in the log, which verified.
        in_service: the build, or None.
        face_changes: sets of them.
    """

    tables: tuple[Copied, ...]
    events: int
    builds: Mirrored
    in_service: str | None
    face_changes: int
    models: Mirrored
    photos: Mirrored


def adopt(settings: Settings, old: Old, progress: Progress) -> Adopted:
    """Copy everything of an installation of one machine that several hosts share, and verify it.

    Objects come before records, and the build in service last, so that nothing refers to what is not there.
    Run again, it continues.

    Raises:
        AdoptionRefused: the new installation cannot take it, or what was copied differs.
        IndexUnusable: a build, or the file of face changes, is damaged.
        BundleError: a model is damaged.
        StoreError: a database cannot be used.
        ObjectsUnavailable: the object store does not answer.
    """
    objects = open_objects(settings)
    target = open_database(settings)
    try:
        if not target.is_shared:
            raise AdoptionRefused("target")
        if objects is None:
            raise AdoptionRefused("objects")
        with _source(old, target) as source:
            settings.cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            return _Adoption(objects, source, target, settings.cache_dir).of(old, progress)
    finally:
        target.close()


def _check_alone(target: Database) -> None:
    """See that no host is live: it would write into what is being copied."""
    since = datetime.now(UTC) - LIVE
    names = [host.name for host, seen_at in HostStore(target).all() if seen_at > since]
    if names:
        raise AdoptionRefused("running", names=", ".join(names))


@contextmanager
def _source(old: Old, target: Database) -> Iterator[Database]:
    """Open the old database, which must exist, or give the new one."""
    if not old.database_url:
        yield target
        return
    file = sqlite_file(old.database_url)
    if file is None or not file.is_file():
        raise AdoptionRefused("no_source", source=without_password(old.database_url))
    source = Database(old.database_url)
    try:
        yield source
    finally:
        source.close()


@dataclass(frozen=True, slots=True)
class _Adoption:
    """From which database to which, and into which objects; they are read back into the folder `scratch`."""

    objects: ObjectStore
    source: Database
    target: Database
    scratch: Path

    def of(self, old: Old, progress: Progress) -> Adopted:
        source, target, shelf = self.source, self.target, IndexStore(old.indexes)
        migrate.upgrade(target.engine)
        _check_alone(target)
        if source is not target:
            check_target(source, target)
        builds, models = self._builds(shelf), self._models(ModelStore(old.models))
        photos = self._photos(old.batches / WAITING)
        tables = copy_records(source, target, progress) if source is not target else ()
        label, sets = _in_service(old.indexes, target)
        return Adopted(tables, _verified(target), builds, label, sets, models, photos)

    def _builds(self, shelf: IndexStore) -> Mirrored:
        found = Mirrored()
        for label in shelf.labels():
            files = (*sorted(shelf.verify(label).files), MANIFEST)  # without the last one, there is no build
            found += self._mirror(f"{BUILDS.prefix}/{label}", shelf.open_build(label), files)
        return found

    def _models(self, models: ModelStore) -> Mirrored:
        found = Mirrored()
        for kept in models.kept():
            bundle = models.find(kept.document_sha256, kept.sha256)
            files = (*sorted(bundle.files), DOCUMENT)
            found += self._mirror(f"{MODELS.prefix}/{bundle.document_sha256}", bundle.folder, files)
        return found

    def _photos(self, waiting: Path) -> Mirrored:
        """Copy the photos of batches that are not finished."""
        found = Mirrored()
        for batch_id in BatchStore(self.source, EstimateStore(self.source)).unfinished():
            folder = waiting / batch_id
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                found += self._mirror(f"{WAITING}/{batch_id}", folder, (path.name,))
        return found

    def _mirror(self, prefix: str, folder: Path, files: Sequence[str]) -> Mirrored:
        return mirror(self.objects, prefix, folder, files, self.scratch)


def _in_service(indexes: Path, target: Database) -> tuple[str | None, int]:
    """Store pointer and face changes unless they are there, and return them as they are now."""
    AdoptionStore(target).adopt(FilePointer(indexes).read()[0], FaceJournal(indexes).lines())
    return PointerStore(target).read()[0], FaceSetStore(target).stamp()


def _verified(target: Database) -> int:
    with EventLog(target, FaceSetStore(target).sha256s).snapshot() as snapshot:
        verdict = verify(snapshot, lambda _done, _total: None)
    if verdict.broken:
        raise AdoptionRefused("log", problem=verdict.broken.sentence)
    return verdict.events
