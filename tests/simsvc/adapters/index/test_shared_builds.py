"""Index builds in an object store that two hosts share, each with a cache of its own."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.build_folders import BUILDS
from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.engines.annoy_index import AnnoyIndex
from simsvc.adapters.objects import shared_folders
from simsvc.adapters.objects.local import LocalObjects
from simsvc.adapters.objects.shared_folders import SharedFolders
from simsvc.domain.gallery.manifest import BuildFacts, ModelSummary
from simsvc.errors import BuildNotFound, IndexDamaged, IndexUnreachable, ObjectsUnavailable
from simsvc.ports import ObjectStore
from simsvc.values import LabelledFace
from simsvc.values.objects import ObjectFacts

MODEL = "ab" * 32
FACTS = BuildFacts(ModelSummary("tiny-0", MODEL, "onnx", 1.1), (), ())


class Switched:
    """An object store that can be cut off, and that counts what it is asked."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner, self.name, self.is_cut, self.fetched = inner, inner.name, False, 0
        self.fails_at = ""

    @property
    def keeps_versions(self) -> bool:
        return self.inner.keeps_versions

    def _pass(self, key: str) -> None:
        if self.is_cut or (self.fails_at and key.endswith(self.fails_at)):
            raise ObjectsUnavailable("unreachable", store=self.name)

    def check(self) -> None:
        self._pass("")

    def put(self, key: str, data: bytes) -> None:
        self._pass(key)
        self.inner.put(key, data)

    def put_new(self, key: str, data: bytes) -> bool:
        self._pass(key)
        return self.inner.put_new(key, data)

    def put_file(self, key: str, path: Path) -> None:
        self._pass(key)
        self.inner.put_file(key, path)

    def get(self, key: str) -> bytes:
        self._pass(key)
        return self.inner.get(key)

    def fetch(self, key: str, to: Path) -> None:
        self._pass(key)
        self.fetched += 1
        self.inner.fetch(key, to)

    def delete(self, key: str) -> None:
        self._pass(key)
        self.inner.delete(key)

    def delete_all(self, prefix: str) -> None:
        self._pass(prefix)
        self.inner.delete_all(prefix)

    def keys(self, prefix: str) -> Iterator[ObjectFacts]:
        self._pass(prefix)
        return self.inner.keys(prefix)


@dataclass
class Host:
    objects: Switched
    shelf: IndexStore
    cache: Path


def make_host(inner: ObjectStore, home: Path, most_bytes: int = 10**9) -> Host:
    objects = Switched(inner)
    folders = SharedFolders(objects, BUILDS, home / "cache", most_bytes)
    (home / "indexes").mkdir(parents=True, exist_ok=True)
    return Host(objects, IndexStore(home / "indexes", shared=folders), home / "cache" / "indexes")


def build(host: Host, count: int = 5) -> str:
    with host.shelf.draft("demo") as draft:
        for item in range(count):
            row = np.random.default_rng(item).standard_normal(8)
            face = LabelledFace(f"f{item}", float(20 + item), "demo", f"{item}.png")
            draft.add(face, (row / np.linalg.norm(row)).astype(np.float32), b"jpeg")
        return draft.finish(FACTS).label


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let listings count for no time, so that nothing has to be waited for."""
    monkeypatch.setattr(shared_folders, "LISTED_FOR_S", -1.0)
    monkeypatch.setattr(shared_folders, "TROUBLED_FOR_S", -1.0)


@pytest.fixture
def store(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def host_a(store: LocalObjects, tmp_path: Path) -> Host:
    return make_host(store, tmp_path / "a")


@pytest.fixture
def host_b(store: LocalObjects, tmp_path: Path) -> Host:
    return make_host(store, tmp_path / "b")


def test_a_build_made_on_one_host_is_opened_on_another(objects: ObjectStore, tmp_path: Path) -> None:
    """A build made on one host has the same bytes on another, which finds faces in it."""
    one, other = make_host(objects, tmp_path / "a"), make_host(objects, tmp_path / "b")
    label = build(one)
    assert other.shelf.labels() == (label,)
    assert other.shelf.manifest(label) == one.shelf.manifest(label)
    assert other.objects.fetched == 0
    mine, yours = one.shelf.open_build(label), other.shelf.open_build(label)
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == {
        path.name: path.read_bytes() for path in yours.iterdir()
    }
    index = AnnoyIndex(yours, MODEL)
    assert index.search(index.embeddings()[3], 1)[0].face_id == "f3"


def test_the_index_in_service_is_opened_from_the_store(host_a: Host, host_b: Host) -> None:
    """What follows the pointer on another host opens the build from the store."""
    label = build(host_a)
    host_b.shelf.switch(label)
    current = CurrentIndex(host_b.shelf.root, MODEL, builds=host_b.shelf)
    assert current.get().label == label
    assert current.get() is current.get()


def test_a_copy_is_fetched_once(host_a: Host, host_b: Host) -> None:
    """A second opening uses the copy; so does another process of the host."""
    label = build(host_a)
    host_b.shelf.open_build(label)
    fetched = host_b.objects.fetched
    host_b.shelf.open_build(label)
    again = SharedFolders(host_b.objects, BUILDS, host_b.cache.parent, 10**9)
    again.open(label)
    assert host_b.objects.fetched == fetched


def test_an_upload_that_fails_leaves_no_build(host_a: Host, host_b: Host) -> None:
    """A build whose upload fails half way does not exist for anybody, and the next attempt makes it whole."""
    host_a.objects.fails_at = "manifest.json"
    with pytest.raises(IndexUnreachable, match="cannot be reached"):
        build(host_a)
    assert host_a.shelf.labels() == host_b.shelf.labels() == ()
    host_a.objects.fails_at = ""
    label = build(host_a)
    assert host_b.shelf.verify(label).count == 5


@pytest.mark.parametrize("changed", [b"", b"x", b"longer than it was"])
def test_a_byte_changed_in_the_store_is_damage(
    host_a: Host, host_b: Host, store: LocalObjects, changed: bytes
) -> None:
    """A file that is not as the manifest says is never opened, and nothing of it stays in the cache."""
    label = build(host_a)
    key = f"indexes/{label}/thumbnails.bin"
    store.put(key, changed + store.get(key)[len(changed) :] if len(changed) == 1 else changed)
    with pytest.raises(IndexDamaged, match=r"thumbnails\.bin differs"):
        host_b.shelf.open_build(label)
    assert not host_b.shelf.build_path(label).exists()
    assert not list(host_b.cache.glob(".fetching-*"))


def test_an_object_that_is_missing_is_damage(host_a: Host, host_b: Host, store: LocalObjects) -> None:
    """A file that the manifest names and the store lacks is named."""
    label = build(host_a)
    store.delete(f"indexes/{label}/faces.annoy")
    with pytest.raises(IndexDamaged, match=r"faces\.annoy is missing"):
        host_b.shelf.open_build(label)


def test_a_manifest_cannot_write_outside_its_folder(
    host_a: Host, host_b: Host, store: LocalObjects, tmp_path: Path
) -> None:
    """A manifest that names a file elsewhere is refused, and nothing is written there."""
    label = build(host_a)
    key = f"indexes/{label}/manifest.json"
    store.put(key, store.get(key).replace(b'"thumbnails.bin"', b'"../../../escaped"'))
    with pytest.raises((IndexDamaged, IndexUnreachable)):
        host_b.shelf.open_build(label)
    assert not list(tmp_path.rglob("escaped"))


def test_a_byte_changed_in_the_cache_is_fetched_again(host_a: Host, host_b: Host) -> None:
    """A copy that changed is replaced by a whole one when it is opened next."""
    label = build(host_a)
    file = host_b.shelf.open_build(label) / "thumbnails.bin"
    whole = file.read_bytes()
    file.write_bytes(b"X" + whole[1:])
    assert (host_b.shelf.open_build(label) / "thumbnails.bin").read_bytes() == whole


def test_a_copy_serves_while_the_store_is_gone(host_a: Host, host_b: Host) -> None:
    """A host whose store is cut off goes on with its copies, also after a restart, and says so of others."""
    label = build(host_a)
    host_b.shelf.open_build(label)
    other = build(host_a, 6)
    restarted = make_host(host_b.objects, host_b.cache.parents[1])
    restarted.objects.is_cut = True
    assert AnnoyIndex(restarted.shelf.open_build(label), MODEL).count == 5
    with pytest.raises(IndexUnreachable, match="cannot be reached"):
        restarted.shelf.open_build(other)
    restarted.objects.is_cut = False
    assert AnnoyIndex(restarted.shelf.open_build(other), MODEL).count == 6


def test_a_retired_build_is_gone_everywhere(host_a: Host, host_b: Host, store: LocalObjects) -> None:
    """Retiring deletes the objects and the copies, that of another host when it looks next."""
    label = build(host_a)
    host_b.shelf.open_build(label)
    host_a.shelf.set_aside(label).delete()
    assert list(store.keys("")) == []
    with pytest.raises(BuildNotFound):
        host_b.shelf.open_build(label)
    assert not host_a.shelf.build_path(label).exists()
    assert not host_b.shelf.build_path(label).exists()


def test_a_retirement_that_fails_is_undone(host_a: Host, host_b: Host) -> None:
    """A build that was set aside does not exist until it is put back, and then is as it was."""
    label = build(host_a)
    aside = host_a.shelf.set_aside(label)
    assert host_b.shelf.labels() == ()
    aside.restore()
    assert host_b.shelf.verify(label).count == 5


def test_what_was_not_used_for_longest_makes_room(
    store: LocalObjects, host_a: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full cache drops the copy that was not used for longest, but never the build in service."""
    monkeypatch.setattr(shared_folders, "USED_LATELY_S", -1.0)
    labels = [build(host_a, count) for count in (5, 6, 7)]
    size = sum(path.stat().st_size for path in host_a.shelf.open_build(labels[0]).iterdir())
    small = make_host(store, tmp_path / "small", most_bytes=int(2.5 * size))
    small.shelf.switch(labels[0])
    paths = [small.shelf.open_build(label) for label in labels]
    assert [path.exists() for path in paths] == [True, False, True]


def test_a_full_disk_of_the_cache_is_named(
    host_a: Host, host_b: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache without room says how much is missing, and keeps nothing half."""
    label = build(host_a)
    usage = shutil.disk_usage(host_a.cache)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(IndexUnreachable, match="SIMSVC_CACHE_DIR"):
        host_b.shelf.open_build(label)
    assert not host_b.shelf.build_path(label).exists()


def test_a_disk_that_fills_while_fetching_is_named(
    host_a: Host, host_b: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up half way leaves no copy."""
    label = build(host_a)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("simsvc.adapters.objects.local._copy", full)
    with pytest.raises(IndexUnreachable, match="No space left"):
        host_b.shelf.open_build(label)
    assert not list(host_b.cache.glob("demo/*"))
