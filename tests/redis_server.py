"""A Redis server of the tests' own, on a port of 127.0.0.1."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import gettempdir

import pytest

from tests.helpers import wait_until


@contextmanager
def redis_server(password: str = "") -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server that keeps nothing on disk, or skip; give its process and port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("There is no Redis server. Install it: apt-get install -y redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    options += ["--requirepass", password] if password else []
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, cwd=gettempdir())
    try:
        wait_until(lambda: _answers(port), 10)
        yield server, port
    finally:
        server.kill()
        server.wait(10)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
