"""Imports of reference photos in an object store that two hosts share."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.adapters.objects.local import LocalObjects
from simsvc.adapters.photos import object_imports
from simsvc.adapters.photos.object_imports import ObjectImports
from simsvc.errors import ImportBusy, ImportNotFound
from simsvc.ports import ObjectStore
from simsvc.values.face_imports import FaceImport, ImportPhoto, ImportState

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def uploaded(spool: ObjectImports) -> str:
    with spool.filling() as import_id:
        spool.put(import_id, 0, b"photo")
        spool.set_state(import_id, ImportState(total=1))
        spool.save(FaceImport(import_id, "staff", "user:1", NOW, (ImportPhoto(0, "a.jpg", 30.0),)))
    return import_id


@pytest.fixture
def store(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def one(store: LocalObjects, tmp_path: Path) -> ObjectImports:
    return ObjectImports(tmp_path / "a", store)


@pytest.fixture
def other(store: LocalObjects, tmp_path: Path) -> ObjectImports:
    return ObjectImports(tmp_path / "b", store)


def test_another_host_shows_an_import(objects: ObjectStore, tmp_path: Path) -> None:
    """Labels, state, photos and thumbnails of an import begun on A are seen on B."""
    one, other = ObjectImports(tmp_path / "a", objects), ObjectImports(tmp_path / "b", objects)
    import_id = uploaded(one)
    one.put_thumbnail(import_id, 0, b"jpeg")
    assert other.all() == [one.find(import_id)]
    assert other.state(import_id) == ImportState(total=1)
    assert other.photo(import_id, 0).read_bytes() == b"photo"
    assert other.thumbnail(import_id, 0) == b"jpeg"
    other.delete(import_id)
    assert list(objects.keys("")) == []
    assert not (tmp_path / "b" / import_id).exists()


def test_only_one_host_works_on_an_import(one: ObjectImports, other: ObjectImports) -> None:
    """While A holds an import, B is told that it is busy; afterwards B may hold it."""
    import_id = uploaded(one)
    with one.held(import_id):
        assert other.is_held(import_id)
        with pytest.raises(ImportBusy), other.held(import_id):
            pass
    assert not other.is_held(import_id)
    with other.held(import_id):
        assert one.is_held(import_id)


def test_a_process_that_was_started_keeps_the_lock(one: ObjectImports, other: ObjectImports) -> None:
    """A lock under which work was started is held until the work ends."""
    import_id = uploaded(one)
    with one.held(import_id):
        one.set_state(import_id, ImportState("checking", total=1))
    assert other.is_held(import_id)
    with one.working(import_id):
        assert one.photo(import_id, 0).exists()
    assert not other.is_held(import_id)
    assert not (one.root / import_id / "photos").exists()


def test_the_lock_of_a_dead_process_ends(
    one: ObjectImports, other: ObjectImports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that died holds an import for a minute; then another host takes it over."""
    import_id = uploaded(one)
    with one.held(import_id):
        one.set_state(import_id, ImportState("checking", total=1))
    later_s = time.time() + object_imports.LEASE_S + 1
    monkeypatch.setattr(object_imports.time, "time", lambda: later_s)
    assert not other.is_held(import_id)
    with other.held(import_id):
        assert one.is_held(import_id)


def test_a_failed_upload_leaves_no_import(one: ObjectImports, store: LocalObjects) -> None:
    """An upload that fails leaves nothing in the store."""

    def fail() -> None:
        with one.filling() as import_id:
            one.put(import_id, 0, b"photo")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(store.keys("")) == []


def test_old_imports_are_swept(one: ObjectImports, other: ObjectImports) -> None:
    """An import that nobody changed for its time is deleted, and what other hosts have of it."""
    import_id = uploaded(one)
    assert other.photo(import_id, 0).exists()
    keep = timedelta(days=7)
    one.sweep(datetime.now(UTC) + keep - timedelta(hours=1), keep)
    assert one.find(import_id)
    one.sweep(datetime.now(UTC) + keep + timedelta(hours=1), keep)
    other.sweep(datetime.now(UTC), keep)
    with pytest.raises(ImportNotFound):
        one.find(import_id)
    assert not (other.root / import_id).exists()


def test_a_used_import_keeps_no_photo(one: ObjectImports, store: LocalObjects) -> None:
    """What was built from keeps its documents, and neither photos nor thumbnails."""
    import_id = uploaded(one)
    one.put_thumbnail(import_id, 0, b"jpeg")
    one.clear(import_id)
    assert {facts.key.rpartition("/")[2] for facts in store.keys("")} == {"import.json", "state.json"}
