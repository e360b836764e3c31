from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simsvc.adapters.photos.remote_photos import list_places, place_of, read_place
from simsvc.errors import PhotoMissing, PhotoTooManyBytes, RemotePhotosUnavailable
from tests.object_servers import S3Server
from tests.small_site import drawn_photo

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def store(s3: S3Server) -> Iterator[dict[str, str]]:
    """Have photos in an object store under s3://photos/many, and things that are none."""
    patch, environment = pytest.MonkeyPatch(), s3.environment()
    for name, value in environment.items():
        patch.setenv(name, value)
    s3.make_bucket("photos")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    put = {
        "many/b.jpg": drawn_photo(),
        "many/a.jpg": drawn_photo(2),
        "many/deep/c": drawn_photo(3),
        "many/empty.jpg": b"",
        "many/notes.txt": b"Dear Sir or Madam",
        "many/.hidden.jpg": b"x",
    }
    for name, data in put.items():
        files.pipe_file(f"photos/{name}", data)
    yield environment
    patch.undo()
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.mark.usefixtures("store")
def test_photos_of_a_prefix_are_listed_by_name() -> None:
    """A prefix is listed as a folder is: by name, photos by their content, with what was left out."""
    listing = list_places(["s3://photos/many"])
    names = ["a.jpg", "b.jpg", "deep/c", "empty.jpg"]
    assert [file.shown for file in listing.files] == [f"s3://photos/many/{name}" for name in names]
    assert all(file.size_bytes and file.changed_ns for file in listing.files if "empty" not in file.shown)
    assert sum(listing.left_out.counts.values()) == 2


@pytest.mark.usefixtures("store")
def test_an_object_is_read_whole_or_refused() -> None:
    """An object gives its bytes; one that is too large or missing is refused as a file is."""
    assert read_place("s3://photos/many/b.jpg", 10**7) == drawn_photo()
    assert read_place("s3://photos/many/empty.jpg", 10**7) == b""
    with pytest.raises(PhotoTooManyBytes):
        read_place("s3://photos/many/b.jpg", 1_000)
    with pytest.raises(PhotoMissing):
        read_place("s3://photos/many/gone.jpg", 10**7)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("url", ["s3://no-such-bucket/x", "ftp://host/x"])
def test_what_cannot_be_listed_is_told(url: str) -> None:
    """A bucket that does not exist, and what is no object store, end with a sentence."""
    with pytest.raises(RemotePhotosUnavailable):
        list_places([url])


@pytest.mark.usefixtures("store")
def test_without_rights_the_store_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With wrong credentials the sentence names the address and the variables, and no secret."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(RemotePhotosUnavailable, match="AWS_ACCESS_KEY_ID") as raised:
        list_places(["s3://photos/many"])
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert "a-wrong-secret" not in raised.value.sentence


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fsspec the command says what to install."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(RemotePhotosUnavailable) as raised:
        read_place("s3://photos/x.jpg", 10)
    assert raised.value.reason == "extra"


def test_words_are_paths_or_addresses() -> None:
    """What has a scheme is an address, all else is a path."""
    words: dict[str, Any] = {"s3://b/k": "s3://b/k", "a/b.jpg": Path("a/b.jpg"), "s3:b": Path("s3:b")}
    assert {word: place_of(word) for word in words} == words
