"""The service in processes of its own: gunicorn, the batch worker, and requests to them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsvc.settings import Settings
from simsvc.store.database import sqlite_file
from tests.helpers import ROOT, wait_until

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    bind: str
    pid: int

    @property
    def url(self) -> str:
        return f"http://{self.bind}"


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """Return an environment that gives another process the settings of a small site."""
    return {
        **os.environ,
        "SIMSVC_BUNDLE_DIR": str(settings.bundle_dir),
        "SIMSVC_INDEX_ROOT": str(settings.index_root),
        "SIMSVC_MODEL_ROOT": str(settings.model_root),
        "SIMSVC_BATCH_DIR": str(settings.batch_dir),
        "SIMSVC_IMPORT_DIR": str(settings.import_dir),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "SIMSVC_LOG_KEY_FILE": str(log_key_of(settings)),
        **more,
    }


def log_key_of(settings: Settings) -> Path:
    """Return a key file for the database: what is remembered beside it must be of the same log."""
    file = sqlite_file(settings.database_url)
    folder, name = (file.parent, file.name) if file else (settings.batch_dir.parent, "database")
    return folder / f"{name}-keys" / "log-key.pem"


def children_of(pid: int) -> set[int]:
    """Return the processes that a process started and that run still."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_alive(pid: int) -> bool:
    """Return whether a process runs still; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running(
    settings: Settings,
    log: Path,
    workers: int = 1,
    *,
    host: str = "",
    options: Sequence[str] = (),
    **more: str,
) -> Iterator[Server]:
    """Serve an installation by gunicorn as it is shipped, with rates that a test does not meet.

    Args:
        settings: of the installation.
        log: where the server writes what it says.
        workers: processes that answer.
        host: the interface that --bind names, where SIMSVC_BIND does not.
        options: of gunicorn's command line.
        more: environment variables that take precedence; without a batch worker unless they ask for one.
    """
    port = free_port()
    environment = environment_of(
        settings,
        **{
            "SIMSVC_BIND": f"127.0.0.1:{port}",
            "SIMSVC_WORKERS": str(workers),
            "SIMSVC_BATCH_WORKER": "0",
            "SIMSVC_API_RATE": "9000000 per minute",
            "SIMSVC_UPLOAD_RATE": "9000000 per minute",
        }
        | more,
    )
    command = [sys.executable, "-m", "gunicorn", "-c", "python:simsvc.web.gunicorn_conf"]
    command += [*options, *(("--bind", f"{host}:{port}") if host else ()), "simsvc.web.app:create_app()"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            server = Server(f"{'[::1]' if ':' in host else '127.0.0.1'}:{port}", process.pid)
            wait_until(lambda: answers(server.bind, process, log), PATIENCE_S)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0


def answers(bind: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    """Return whether a server answers; fail with its log where it has ended."""
    assert process.poll() is None, log.read_text()
    with suppress(OSError, http.client.HTTPException):
        return ask(bind, "GET", "/healthz")[0] == 200
    return False


@contextmanager
def working(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run the batch worker as operators do, and end it."""
    command = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app", "batch", "work", "--with-parent"]
    with subprocess.Popen(command, cwd=ROOT, env=environment_of(settings)) as worker:
        try:
            yield worker
        finally:
            if worker.poll() is None:
                worker.terminate()
                assert worker.wait(PATIENCE_S) == 0


def ask(
    bind: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = PATIENCE_S,
) -> tuple[int, Any]:
    """Send a request and return status and body of the answer."""
    with closing(http.client.HTTPConnection(bind, timeout=timeout_s)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.load(response)


def send_photo(
    bind: str,
    data: bytes,
    headers: dict[str, str],
    name: str = "a.jpg",
    path: str = "/api/v1/estimates",
    timeout_s: float = PATIENCE_S,
) -> tuple[int, Any]:
    """Ask the API for an estimate, or for what `path` makes, and return status and body of the answer."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return ask(bind, "POST", path, body, headers | kind, timeout_s)
