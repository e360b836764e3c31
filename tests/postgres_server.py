"""A PostgreSQL server of the tests' own: Debian's programs, its own data folder, never as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.helpers import wait_until

INSTALL = "apt-get install -y --no-install-recommends postgresql"
PATIENCE_S = 60.0
UNSAFE_AND_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
"""The server's folder is deleted after the tests; nothing has to survive a power cut."""


@contextmanager
def postgres_server(settings: Sequence[str] = UNSAFE_AND_FAST) -> Iterator[str]:
    """Start a server and give the address of its superuser's connections, without a database."""
    programs = postgres_programs()
    account = server_account()
    folder = Path(tempfile.mkdtemp(prefix="simsvc-pg-"))
    if account:
        shutil.chown(folder, account)
    data = folder / "data"
    _run(account, programs / "initdb", "-D", data, "-U", "simsvc", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = [
        f"-c{option}" for option in ("listen_addresses=", f"unix_socket_directories={folder}", *settings)
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            stdout=log,
            stderr=log,
            user=account,
            cwd=folder,
        )
    try:
        _wait(server, folder)
        yield f"host={folder} user=simsvc"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        shutil.rmtree(folder)


@contextmanager
def fresh_database(server: str, name: str, template: str = "template1") -> Iterator[str]:
    """Give the URL of a new database that is dropped at the end, whoever is still connected."""
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        create_database(connection, name, template)
        host = server.split(maxsplit=1)[0].removeprefix("host=")
        yield f"postgresql://simsvc@/{name}?host={host}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def create_database(connection: psycopg.Connection, name: str, template: str) -> None:
    """Copy a database to which nobody is connected."""
    # by copying files where the server can be asked to: three times as fast as by its log
    copying = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
    connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {copying}".encode())


def replace_database(server: str, name: str, template: str) -> None:
    """Put a copy of a database in the place of another, if there is one, whoever is connected to that."""
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        create_database(connection, name, template)


@contextmanager
def closed_database(server: str, url: str) -> Iterator[None]:
    """End every connection to a database, and let nobody connect meanwhile."""
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def postgres_programs() -> Path:
    """Return the folder of the newest server, or skip; on a CI server, where it is installed, fail."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if found is None and not folders:
        words = f"There is no PostgreSQL server. Install it: {INSTALL}"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return folders[-1] if folders else Path(str(found)).resolve().parent


def server_account() -> str | None:
    """Return whose process the server is when root runs the tests: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _run(account: str | None, *command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, user=account, cwd="/")


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    def answers() -> bool:
        assert server.poll() is None, (folder / "log").read_text()
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"host={folder} user=simsvc dbname=postgres").close()
            return True
        return False

    wait_until(answers, PATIENCE_S)
