"""Find and read photos in an object store, through fsspec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from simsvc.adapters.photos.photo_files import (
    EMPTY,
    HIDDEN,
    NO_PICTURE,
    Listing,
    PhotoFile,
    list_photos,
    read_photo,
    shown_name,
)
from simsvc.domain.files.file_names import UNWANTED, unwanted
from simsvc.domain.files.left_out import LeftOut
from simsvc.domain.files.photo_signatures import HEAD_BYTES, is_picture, promises_picture
from simsvc.errors import PhotoMissing, PhotoTooManyBytes, RemotePhotosUnavailable

SCHEMES = ("s3", "file")
"""What may be read: object stores that speak S3, and mounted folders by their URL."""

Place = Path | str
"""A file or folder, or the URL of an object or a prefix."""


def place_of(text: str) -> Place:
    """Return what a word of the command line names."""
    return text if "://" in text else Path(text)


def list_places(places: Iterable[Place]) -> Listing:
    """List photos as `list_photos` does, then those of object stores by name.

    Raises RemotePhotosUnavailable if an object store cannot be listed.
    """
    places = list(places)
    listing = list_photos(place for place in places if isinstance(place, Path))
    files = {file.shown: file for file in listing.files}
    for url in places:
        if isinstance(url, str):
            files.update((file.shown, file) for file in _objects(url, listing.left_out))
    return Listing(list(files.values()), listing.left_out, listing.alike)


def read_place(place: Place, max_bytes: int) -> bytes:
    """Return a photo's bytes.

    Raises PhotoMissing if it is missing, PhotoTooManyBytes if it is too large, RemotePhotosUnavailable if the
    object store cannot be used.
    """
    if isinstance(place, Path):
        return read_photo(place, max_bytes)
    with _refusals(place):
        store, path = _store(place)
        size = store.info(path)["size"] or 0
        data: bytes = store.cat_file(path) if 0 < size <= max_bytes else b""
    if size > max_bytes:
        raise PhotoTooManyBytes("file", most_mb=max_bytes / 1e6)
    return data


def _objects(url: str, left_out: LeftOut) -> Iterator[PhotoFile]:
    with _refusals(url):
        store, root = _store(url)
        found = store.find(root, detail=True)
        for path, facts in sorted(found.items()):
            name = path.removeprefix(root).strip("/") or path.rpartition("/")[2]
            reason = _why_left_out(store, path, name, facts["size"] or 0)
            if reason is None:
                address = f"{url.partition('://')[0]}://{path}"
                yield PhotoFile(address, shown_name(address), facts["size"] or 0, _changed_ns(facts))
            else:
                left_out.add(reason, shown_name(name))


def _why_left_out(store: Any, path: str, name: str, size_bytes: int) -> str | None:
    why = unwanted(name)
    if why is not None:
        return UNWANTED[why]
    if any(part.startswith(".") for part in name.split("/")):
        return HIDDEN
    if promises_picture(name):
        return None
    if not size_bytes:
        return EMPTY
    head = store.cat_file(path, start=0, end=min(HEAD_BYTES, size_bytes))
    return None if is_picture(head) else NO_PICTURE


def _changed_ns(facts: dict[str, Any]) -> int:
    changed = facts.get("LastModified", facts.get("mtime"))
    if isinstance(changed, datetime):
        changed = changed.timestamp()
    return int(changed * 1_000_000_000) if isinstance(changed, float) else 0


def _store(url: str) -> tuple[Any, str]:
    """Return the file system and the path in it; s3fs reads AWS_ENDPOINT_URL and the credentials itself."""
    if url.partition("://")[0] not in SCHEMES:
        raise RemotePhotosUnavailable("scheme", url=url)
    try:
        import fsspec  # noqa: PLC0415 - optional, see pyproject's extra "cluster"

        store, path = fsspec.url_to_fs(url)
    except ImportError as error:
        raise RemotePhotosUnavailable("extra", problem=str(error)) from None
    return store, path


@contextmanager
def _refusals(url: str) -> Iterator[None]:
    try:
        yield
    except (PhotoMissing, RemotePhotosUnavailable):
        raise
    except FileNotFoundError as error:
        if "bucket" in str(error).lower():
            raise RemotePhotosUnavailable("store", url=url, problem=_said(error)) from None
        raise PhotoMissing("file") from None
    except Exception as error:  # noqa: BLE001, RUF100 - botocore's errors share no base but Exception
        raise RemotePhotosUnavailable("store", url=url, problem=_said(error)) from None


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
