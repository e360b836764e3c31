"""Waiting photos in an object store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.adapters.objects.fsspec_store import FsspecObjects, S3Access
from simsvc.adapters.objects.local import LocalObjects
from simsvc.adapters.photos.object_spool import FORGOTTEN_AFTER, ObjectSpool
from simsvc.errors import ObjectsUnavailable
from simsvc.ports import ObjectStore

BATCH, OTHER = "0" * 32, "1" * 32


def later() -> datetime:
    return datetime.now(UTC) + FORGOTTEN_AFTER + timedelta(minutes=1)


@pytest.fixture
def gone() -> ObjectSpool:
    return ObjectSpool(FsspecObjects("s3://bucket/x", S3Access("http://127.0.0.1:1", "r", "key", "secret")))


def test_a_photo_waits_for_any_host(objects: ObjectStore) -> None:
    """A photo stored on one host is read on another, until it is dropped."""
    one, other = ObjectSpool(objects), ObjectSpool(objects)
    with one.filling(BATCH):
        one.put(BATCH, 0, b"first")
        one.put(BATCH, 1, b"second")
    assert other.get(BATCH, 1) == b"second"
    other.drop(BATCH, 1)
    assert one.get(BATCH, 1) is None
    assert one.get(BATCH, 0) == b"first"
    one.clear(BATCH)
    assert list(objects.keys("")) == []


def test_a_failed_upload_leaves_nothing(tmp_path: Path) -> None:
    """An upload that fails deletes the photos that it had stored, and no others."""
    objects = LocalObjects(tmp_path)
    spool = ObjectSpool(objects)
    spool.put(OTHER, 0, b"other")

    def fail() -> None:
        with spool.filling(BATCH):
            spool.put(BATCH, 0, b"first")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [facts.key for facts in objects.keys("")] == [f"waiting/{OTHER}/000000"]


def test_forgotten_photos_are_swept(tmp_path: Path) -> None:
    """Old photos of batches that are not on record are deleted; waiting and new ones stay."""
    spool = ObjectSpool(LocalObjects(tmp_path))
    for batch_id in (BATCH, OTHER):
        spool.put(batch_id, 0, b"1")
    spool.sweep(tuple, datetime.now(UTC))
    assert spool.get(BATCH, 0)
    spool.sweep(lambda: [OTHER], later())
    assert spool.get(BATCH, 0) is None
    assert spool.get(OTHER, 0)


def test_a_store_that_is_gone_keeps_a_photo_waiting(gone: ObjectSpool) -> None:
    """Reading, storing and checking say that the store is gone; a photo is not taken for lost."""
    acts: list[Callable[[], object]] = [
        lambda: gone.get(BATCH, 0),
        lambda: gone.put(BATCH, 0, b"1"),
        gone.check,
    ]
    for act in acts:
        with pytest.raises(ObjectsUnavailable, match="cannot be reached"):
            act()


def test_what_cannot_be_deleted_now_does_not_stop_the_work(gone: ObjectSpool) -> None:
    """Deleting from a store that is gone is left to a later sweep."""
    gone.drop(BATCH, 0)
    gone.clear(BATCH)
    gone.sweep(tuple, later())


def test_only_ids_of_batches_become_names(gone: ObjectSpool) -> None:
    """Something else than the ID of a batch is refused."""
    with pytest.raises(ValueError, match="no id"):
        gone.get("../x", 0)
