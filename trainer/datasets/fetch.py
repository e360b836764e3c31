"""Downloads that go on where they stopped, and are complete or not there.

The bytes go to NAME.part, with NAME.part.json beside it to tell whether the server still has the same file
(its ETag or date); the finished file is renamed to NAME. Addresses come only from `archives.ARCHIVES`.
pooch cannot do this: it begins a broken download again, and these archives have up to 7 GB.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import ssl
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tqdm import tqdm

from simsvc.errors import SourceError
from trainer.datasets.archives import Archive

TIMEOUT_S: Final = 30.0  # longest silence of the server
CHUNK_BYTES: Final = 1 << 18
_BROKEN: Final = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
"""Errors of a missing or failing network."""


class FetchFailed(SourceError):
    """The archive could not be downloaded whole."""

    code = "fetch_failed"


@dataclass(frozen=True, slots=True)
class Remote:
    """What the server says of its file: validator for If-Range ("" where it gives none) and size in bytes."""

    validator: str
    size_bytes: int


def confirmed() -> bool:
    """Ask on the terminal whether the terms are accepted.

    Raises:
        FetchFailed: there is no terminal to ask on.
    """
    try:
        return input("Type yes to accept these terms and download: ").strip().lower() == "yes"
    except EOFError:
        raise FetchFailed(
            "There is no terminal to accept the terms on. Add --yes if you accept them."
        ) from None


def fetch(archive: Archive, to: Path) -> Path:
    """Download an archive, or the rest of it, into a folder, and return its path.

    Raises:
        FetchFailed: no network, a server that refuses, a broken connection, a full disk or a wrong checksum;
            partial data is kept and the next call resumes, except after a wrong checksum.
    """
    target = to / archive.file_name
    if target.is_file():
        _check_sha256(archive, target)
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        to.mkdir(parents=True, exist_ok=True)
        _download(archive, part)
        _check_sha256(archive, part)
        part.replace(target)
        _memo(part).unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        raise FetchFailed(
            f"The server of {archive.name} refused ({error.code} {error.reason}). {_LATER}"
        ) from None
    except _BROKEN as error:
        why = getattr(error, "reason", error)
        raise FetchFailed(f"The server of {archive.name} cannot be reached ({why}). {_LATER}") from None
    except OSError as error:
        raise FetchFailed(
            f"{target} cannot be written: {error.strerror}. Choose another folder by --to."
        ) from None
    return target


_LATER = "Check the network and run the same command again: it goes on where it stopped."


def _download(archive: Archive, part: Path) -> None:
    known = _remembered(part)
    have_bytes = part.stat().st_size if known and part.is_file() else 0
    if known and have_bytes == known.size_bytes:
        return
    if known and have_bytes > known.size_bytes:
        have_bytes = 0  # not what was left here: begin again
    with _open(archive.url, known, have_bytes) as response:
        start_bytes = _start(response, have_bytes)
        length = response.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise FetchFailed(f"The server of {archive.name} does not say how large the file is. {_LATER}")
        remote = Remote(_validator(response), start_bytes + int(length))
        _check_disk(part.parent, remote.size_bytes - start_bytes)
        _memo(part).write_text(json.dumps(asdict(remote)), encoding="utf-8")
        _copy(response, part, start_bytes, remote.size_bytes)
    if part.stat().st_size != remote.size_bytes:
        raise FetchFailed(
            f"The connection ended after {part.stat().st_size:,} of {remote.size_bytes:,} bytes. {_LATER}"
        )


def _open(url: str, known: Remote | None, have_bytes: int) -> http.client.HTTPResponse:
    """Ask for the file, from `have_bytes` on where the server still has the same one."""
    headers = {"User-Agent": "simsvc-trainer"}
    if known and have_bytes and known.validator:
        headers |= {"Range": f"bytes={have_bytes}-", "If-Range": known.validator}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own table
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - as above
    return response


def _start(response: http.client.HTTPResponse, have_bytes: int) -> int:
    """Return the position of the first byte that comes: 0 where the server sends the whole file again."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    match = re.match(r"bytes ([0-9]+)-", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != have_bytes:
        raise http.client.HTTPException("it answered with another part than was asked for")
    return have_bytes


def _validator(response: http.client.HTTPResponse) -> str:
    """Return a strong ETag, else the date of change, else "". Source: RFC 9110, section 13.1.5."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _check_disk(folder: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise FetchFailed(
            f"{folder} has {free_bytes / 1e9:.1f} GB free, but {needed_bytes / 1e9:.1f} GB are needed. "
            "Choose another folder by --to."
        )


def _copy(response: http.client.HTTPResponse, part: Path, start_bytes: int, size_bytes: int) -> None:
    progress = tqdm(desc=part.stem, total=size_bytes, initial=start_bytes, unit="B", unit_scale=True)
    with progress, part.open("r+b" if start_bytes else "wb") as file:
        file.seek(start_bytes)
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            progress.update(len(chunk))


def _memo(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _remembered(part: Path) -> Remote | None:
    try:
        kept = json.loads(_memo(part).read_text(encoding="utf-8"))
        return Remote(str(kept["validator"]), int(kept["size_bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_sha256(archive: Archive, path: Path) -> None:
    """Compare with the publishers' checksum, where they state one; a wrong file is removed."""
    if archive.sha256 is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != archive.sha256:
        path.unlink()
        _memo(path).unlink(missing_ok=True)
        raise FetchFailed(
            f"{archive.file_name} has not the published checksum and was removed. Run the command again."
        )
