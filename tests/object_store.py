"""A real object store that tests start: SeaweedFS, which speaks S3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers import wait_until
from tests.servers import free_port

WEED = Path(sys.executable).parent / "weed"
MOST_PORT = 55_000
"""Ports of gRPC are 10,000 above those of HTTP."""


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """Start a store, and yield the environment that finds it: address and credentials."""
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    ports = {name: _low_port() for name in ("master", "volume", "filer", "s3")}
    (folder / "s3.json").write_text(
        '{"identities": [{"name": "tests", "actions": ["Admin", "Read", "Write", "List"],'
        ' "credentials": [{"accessKey": "tests", "secretKey": "secret-of-tests"}]}]}'
    )
    command = [
        WEED, "server", "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-dir", folder, "-s3", "-filer",
        "-s3.config", folder / "s3.json", "-master.volumeSizeLimitMB", "64", "-volume.max", "20",
        *(f"-{name}.port={port}" for name, port in ports.items()),
    ]  # fmt: skip
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: process.poll() is not None or _answers(ports["s3"]))
        assert process.poll() is None, "the object store ended"
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "secret-of-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _low_port() -> int:
    return next(port for port in iter(free_port, 0) if port < MOST_PORT)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
