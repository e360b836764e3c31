"""Where the build in service and face changes are kept: in files, or in a database that hosts share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.adapters.index.build_folders import BUILDS
from simsvc.adapters.index.build_lock import build_lock
from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.files.face_journal import FaceJournal
from simsvc.adapters.index.files.pointer import FilePointer
from simsvc.adapters.index.served_state import ServedState
from simsvc.ports import ObjectStore
from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.store.index.adoption import AdoptionStore
from simsvc.store.index.build_lock import BuildLockStore
from simsvc.store.index.face_sets import FaceSetStore
from simsvc.store.index.pointer import PointerStore
from simsvc.wiring.hosts.objects import open_objects, shared_folders


def open_shelf(settings: Settings, database: Database, objects: ObjectStore | None = None) -> IndexStore:
    """Return the index builds; opens no connection."""
    state = state_in_database(database) if database.is_shared else None
    shared = shared_folders(settings, objects or open_objects(settings), BUILDS)
    return IndexStore(settings.index_root, state, shared, settings.index_engine)


def state_in_database(database: Database) -> ServedState:
    """Return the state that all hosts share."""
    database = database.unlimited()
    pointer, lock = PointerStore(database), BuildLockStore(database)

    @contextmanager
    def held(root: Path, name: str) -> Iterator[None]:
        with build_lock(root, name), lock.held():  # the first, too, as it guards the drafts in this folder
            yield

    return ServedState(pointer, FaceSetStore(database), held, pointer.stamps, is_shared=True)


def adopt_files(settings: Settings, database: Database) -> bool:
    """Move the pointer and face changes of this host's files into a shared database that has neither.

    The files are deleted: later erasures do not reach them. Return whether anything was moved.

    Raises:
        IndexDamaged: a file cannot be understood.
        StoreError: the database cannot be used.
        OSError: the files cannot be deleted, after they were moved.
    """
    if not database.is_shared:
        return False
    pointer, journal = FilePointer(settings.index_root), FaceJournal(settings.index_root)
    label, lines = pointer.read()[0], journal.lines()
    if (label is None and not lines) or not AdoptionStore(database).adopt(label, lines):
        return False
    pointer.drop()
    journal.drop()
    return True
