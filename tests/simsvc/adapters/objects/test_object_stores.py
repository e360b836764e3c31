"""The contract of every object store, tested on a folder and on a real server that speaks S3."""

from pathlib import Path

import pytest

from simsvc.errors import CacheUnwritable, ObjectMissing, ObjectsRefused
from simsvc.ports import ObjectStore


def _keys(objects: ObjectStore, prefix: str = "") -> list[str]:
    return [facts.key for facts in objects.keys(prefix)]


def test_an_object_is_returned_as_it_was_put(objects: ObjectStore) -> None:
    """An object is returned as it was put, an empty one and one with every byte too."""
    objects.put("a/b", bytes(range(256)))
    objects.put("a/empty", b"")
    assert objects.get("a/b") == bytes(range(256))
    assert objects.get("a/empty") == b""


def test_a_later_object_replaces_an_earlier_one(objects: ObjectStore) -> None:
    """What is put last under a name is what is returned."""
    objects.put("a", b"first")
    objects.put("a", b"second one")
    assert objects.get("a") == b"second one"


def test_a_new_object_never_replaces_one(objects: ObjectStore) -> None:
    """Of two who write a new object, the first one does."""
    assert objects.put_new("lock", b"first")
    assert not objects.put_new("lock", b"second")
    assert objects.get("lock") == b"first"


def test_a_file_goes_up_and_comes_down_whole(objects: ObjectStore, tmp_path: Path) -> None:
    """A file of several megabytes has the same bytes after both ways, and nothing else is left."""
    source, back = tmp_path / "source", tmp_path / "back" / "copy"
    source.write_bytes(b"0123456789abcdef" * 200_000)
    back.parent.mkdir()
    objects.put_file("big/file", source)
    objects.fetch("big/file", back)
    assert back.read_bytes() == source.read_bytes()
    assert list(back.parent.iterdir()) == [back]


def test_what_is_not_there_is_missing(objects: ObjectStore, tmp_path: Path) -> None:
    """Reading an object that is not there says its name, and leaves no file."""
    with pytest.raises(ObjectMissing, match="a/none"):
        objects.get("a/none")
    with pytest.raises(ObjectMissing):
        objects.fetch("a/none", tmp_path / "none")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_deleted_object_is_gone(objects: ObjectStore) -> None:
    """A deleted object is missing, and deleting it again does nothing."""
    objects.put("a/b", b"1")
    objects.delete("a/b")
    objects.delete("a/b")
    with pytest.raises(ObjectMissing):
        objects.get("a/b")


def test_a_prefix_ends_at_a_slash(objects: ObjectStore) -> None:
    """Listing and deleting below a prefix leave names alone that only begin alike."""
    for key in ("demo/1", "demo/sub/2", "demo2/3"):
        objects.put(key, b"1")
    assert _keys(objects, "demo") == ["demo/1", "demo/sub/2"]
    objects.delete_all("demo")
    assert _keys(objects) == ["demo2/3"]
    objects.delete_all("demo")


def test_a_listing_has_sizes_and_times(objects: ObjectStore) -> None:
    """A listing says how large each object is and when it was written, with its time zone."""
    objects.put("one", b"12345")
    (facts,) = objects.keys("")
    assert facts.size_bytes == 5
    assert facts.modified.utcoffset() is not None


@pytest.mark.parametrize("key", ["../a", "/a", "a/../b", "a//b", "a/", ".", "a\\b", "a\nb", "k" * 2000])
def test_a_name_stays_below_the_prefix(objects: ObjectStore, key: str) -> None:
    """Names that could leave the prefix, or mean two objects, are refused before anything is asked."""
    for act in (lambda: objects.get(key), lambda: objects.put(key, b"1"), lambda: objects.delete_all(key)):
        with pytest.raises(ObjectsRefused, match="not the name of an object"):
            act()


def test_many_objects_are_deleted(objects: ObjectStore) -> None:
    """Deleting below a prefix deletes every object there."""
    for number in range(40):
        objects.put(f"many/{number:02d}", b"1")
    objects.delete_all("many")
    assert _keys(objects) == []


def test_a_file_that_cannot_be_written_here_is_the_caches_fault(objects: ObjectStore) -> None:
    """Fetching to a disk that is full names the cache, not the store."""
    objects.put("a", b"12345" * 100_000)
    with pytest.raises(CacheUnwritable):
        objects.fetch("a", Path("/proc/none/file"))
    assert objects.get("a")


def test_a_store_without_versions_says_so(objects: ObjectStore) -> None:
    """A fresh store keeps no earlier versions, and can be checked."""
    assert not objects.keeps_versions
    objects.check()
