"""A Redis server of the tests' own: Debian's program, nothing on disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers import wait_until

PATIENCE_S = 20.0
PASSWORD = "a password / with @ signs"  # noqa: S105 - of a server that ends with the test


@contextmanager
def redis_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server with `PASSWORD` on a port of this machine."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("There is no Redis server. Install it: apt-get install -y redis-server")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(
        [program, *options, "--requirepass", PASSWORD], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        try:
            assert server.stdout is not None
            lines = iter(server.stdout.readline, b"")
            wait_until(lambda: b"Ready to accept connections" in next(lines), PATIENCE_S)
            yield server
        finally:
            server.kill()
