"""Objects in a bucket that speaks S3, through fsspec and s3fs, which `simsvc[cluster]` installs.

Source: fsspec's documentation, "Async"; Amazon S3 API Reference.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar

from simsvc.adapters.objects.keys import checked_key
from simsvc.adapters.objects.local import kept_whole
from simsvc.errors import CacheUnwritable, ObjectMissing, ObjectsRefused, ObjectsUnavailable, SimsvcError
from simsvc.values.objects import ObjectFacts

CONNECT_S, READ_S = 2, 5
"""Patience with an endpoint: a bucket in the same region answers in some 100 to 200 ms. Source: Amazon S3
User Guide, "Best practices design patterns: optimizing Amazon S3 performance"."""
SLOWEST_BYTES_S = 1_000_000
"""Rate below which an upload counts as hanging."""
TRIES = 2
"""Of one request: a dropped connection is tried again once."""
AT_ONCE = 16
"""Requests at a time where many objects are deleted."""
PARTS = {"chunksize": 5 * 2**20, "max_concurrency": 4}
"""Uploads go in parts of the least size that S3 allows, so that each is answered within `READ_S`, which
begins with the first byte sent. Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits"."""
BLOCK_BYTES = 50 * 2**20
"""Larger objects are fetched in parts at a time. Source: s3fs's default."""
CREDENTIALS = (
    *("SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"),
    *("NoCredentialsError", "PartialCredentialsError"),
)
PERMISSION = ("AccessDenied", "403", "AllAccessDisabled", "PermissionError")
BUCKET = ("NoSuchBucket", "InvalidBucketName", "PermanentRedirect")
"""Codes of answers and names of errors that trying again does not change. Source: Amazon S3 API Reference,
"Error responses"; botocore.exceptions."""
SLOW = ("ReadTimeoutError", "ConnectTimeoutError", "TimeoutError", "FSTimeoutError")
CUT = ("ClientPayloadError", "IncompleteReadError", "IncompleteRead", "ResponseStreamingError")
TLS = ("SSLError", "ClientSSLError")
UNREACHABLE = ("EndpointConnectionError", "ConnectionClosedError", "HTTPClientError", "ClientConnectorError")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class S3Access:
    """How a bucket is reached; what is empty is found as AWS's own tools find it."""

    endpoint: str = ""
    region: str = ""
    key_id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class FsspecObjects:
    """An object store in a bucket, below a prefix.

    Args:
        url: s3://bucket/prefix
    """

    def __init__(self, url: str, access: S3Access) -> None:
        self.name = url.rstrip("/")
        self._root = self.name.removeprefix("s3://")
        self._access = access
        self._opened: tuple[int, Any] | None = None
        self._opening = threading.Lock()

    @property
    def keeps_versions(self) -> bool:
        """Whether what was deleted or overwritten remains in the bucket; raises ObjectsUnavailable."""
        bucket, _, prefix = self._root.partition("/")

        async def ask(fs: Any) -> bool:
            status = (await fs._call_s3("get_bucket_versioning", Bucket=bucket)).get("Status")
            if status != "Suspended":
                return bool(status == "Enabled")
            found = await fs._call_s3("list_object_versions", Bucket=bucket, Prefix=prefix)
            return any(not version["IsLatest"] for version in found.get("Versions", ()))

        return self._ask("list", bucket, ask)

    def check(self) -> None:
        """Raise ObjectsUnavailable if objects cannot be listed."""
        bucket, _, prefix = self._root.partition("/")
        self._ask(
            "list", "", lambda fs: fs._call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
        )

    def put(self, key: str, data: bytes) -> None:
        """Write an object; raises ObjectsUnavailable."""
        path = self._path(key)
        self._ask("write", key, lambda fs: fs._pipe_file(path, data, **PARTS), len(data))

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written; raises ObjectsUnavailable."""
        bucket, _, path = self._path(key).partition("/")

        async def write(fs: Any) -> bool:
            try:
                await fs._call_s3("put_object", Bucket=bucket, Key=path, Body=data, IfNoneMatch="*")
            except OSError as error:
                if _code(error) in {"PreconditionFailed", "ConditionalRequestConflict"}:
                    return False
                raise
            return True

        return self._ask("write", key, write, len(data))

    def put_file(self, key: str, path: Path) -> None:
        """Write a file's content as an object; raises ObjectsUnavailable."""
        to, size_bytes = self._path(key), path.stat().st_size
        self._ask("write", key, lambda fs: fs._put_file(str(path), to, **PARTS), size_bytes)

    def get(self, key: str) -> bytes:
        """Return an object; raises ObjectMissing, ObjectsUnavailable."""
        path = self._path(key)
        data: bytes = self._ask("read", key, lambda fs: fs._cat_file(path), BLOCK_BYTES)
        return data

    def fetch(self, key: str, to: Path) -> None:
        """Copy an object to a file; raises ObjectMissing, ObjectsUnavailable, CacheUnwritable."""
        path = self._path(key)
        size_bytes = int(self._ask("read", key, lambda fs: fs._info(path))["size"])
        with kept_whole(to) as part:
            self._ask("read", key, lambda fs: fs._get_file(path, str(part)), size_bytes)
            if part.stat().st_size != size_bytes:
                raise ObjectsUnavailable("cut", store=self.name, object=key)

    def delete(self, key: str) -> None:
        """Delete an object, if there is one; raises ObjectsUnavailable."""
        self._delete([self._path(key)])

    def delete_all(self, prefix: str) -> None:
        """Delete every object below a prefix; raises ObjectsUnavailable."""
        paths = [self._path(facts.key) for facts in self.keys(prefix)]
        for start in range(0, len(paths), AT_ONCE):
            self._delete(paths[start : start + AT_ONCE])

    def keys(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield every object below a prefix, in order; raises ObjectsUnavailable."""
        top = f"{self._path(prefix) if prefix else self._root}/"
        found = self._ask("list", prefix, lambda fs: fs._find(top, detail=True), BLOCK_BYTES)
        for path, facts in sorted(found.items()):
            if path.startswith(top):
                key = path.removeprefix(f"{self._root}/")
                yield ObjectFacts(key, int(facts["size"]), facts["LastModified"].astimezone(UTC))

    def _delete(self, paths: Sequence[str]) -> None:
        async def every(fs: Any) -> None:
            await asyncio.gather(*(fs._rm_file(path) for path in paths))

        self._ask("delete", "objects", every)

    def _path(self, key: str) -> str:
        return f"{self._root}/{checked_key(key)}"

    def _ask(
        self, action: str, key: str, request: Callable[[Any], Awaitable[Answer]], size_bytes: int = 0
    ) -> Answer:
        """Return the answer to a request that moves so many bytes, and end it when it takes too long."""
        patience_s = TRIES * (CONNECT_S + READ_S) + size_bytes / SLOWEST_BYTES_S
        with self._asking(action, key):
            fs = self._filesystem()

            async def within() -> Answer:
                return await asyncio.wait_for(request(fs), patience_s)

            return asyncio.run_coroutine_threadsafe(within(), fs.loop).result()

    @contextmanager
    def _asking(self, action: str, key: str) -> Iterator[None]:
        try:
            yield
        except SimsvcError:
            raise
        except Exception as error:  # botocore, aiobotocore, aiohttp and s3fs raise errors of their own
            told = self._told(error, action, key)
            # what is refused may be quoted, and belongs in no traceback
            raise told from (None if isinstance(told, ObjectsRefused) else error)

    def _told(self, error: Exception, action: str, key: str) -> SimsvcError:
        """Return what happened, in which no part of the library's own text appears: it may hold secrets."""
        code = _code(error)
        kinds = {code, *(kind.__name__ for one in (error, error.__cause__) for kind in type(one).__mro__)}
        if isinstance(error, OSError) and not code and _is_local(error):
            return CacheUnwritable("failed", problem=error.strerror or "I/O error")
        return (
            self._refused(kinds, action)
            or self._missing(kinds, key)
            or self._unavailable(kinds, key)
            or ObjectsUnavailable("failed", store=self.name, problem=code or type(error).__name__)
        )

    def _refused(self, kinds: Set[str], action: str) -> SimsvcError | None:
        if kinds & set(CREDENTIALS):
            return ObjectsRefused("credentials", store=self.name)
        if kinds & set(BUCKET):
            return ObjectsRefused("bucket", store=self.name)
        if kinds & set(PERMISSION):
            return ObjectsRefused("permission", store=self.name, action=action)
        return None

    def _missing(self, kinds: Set[str], key: str) -> SimsvcError | None:
        return ObjectMissing(store=self.name, object=key) if "FileNotFoundError" in kinds else None

    def _unavailable(self, kinds: Set[str], key: str) -> SimsvcError | None:
        if kinds & set(CUT):
            return ObjectsUnavailable("cut", store=self.name, object=key)
        if kinds & set(TLS):
            return ObjectsUnavailable("tls", store=self.name)
        if kinds & set(SLOW):
            return ObjectsUnavailable("slow", store=self.name)
        if kinds & set(UNREACHABLE):
            return ObjectsUnavailable("unreachable", store=self.name)
        return None

    def _filesystem(self) -> Any:
        """Return the file system of this process: its loop runs in a thread, which a fork loses."""
        with self._opening:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = os.getpid(), _open(self._access)
            return self._opened[1]


def _open(access: S3Access) -> Any:
    try:
        from s3fs import S3FileSystem  # noqa: PLC0415 - installed by the cluster extra only
    except ImportError:
        raise ObjectsRefused("extra") from None
    fs = S3FileSystem(
        key=access.key_id or None,
        secret=access.secret or None,
        token=access.token or None,
        endpoint_url=access.endpoint or None,
        client_kwargs={"region_name": access.region} if access.region else {},
        config_kwargs={
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"total_max_attempts": 1},
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    fs.retries = TRIES
    return fs


def _code(error: Exception) -> str:
    """Return the code of S3's answer, or nothing."""
    for one in (error, error.__cause__, error.__context__):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code", ""))
    return ""


def _is_local(error: OSError) -> bool:
    return error.filename is not None or error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
