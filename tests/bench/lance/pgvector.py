"""pgvector in a PostgreSQL server of its own, which keeps its data between build and search."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from tests.bench.index.vectors import Vectors
from tests.bench.machine import status_mb
from tests.helpers import wait_until

MISSING = "PostgreSQL has no pgvector here, so it is left out: apt-get install postgresql-NN-pgvector"
BYTES_A_ROW = 1_000
"""Memory for the graph while it is built, taken whole at the start; past it, pgvector builds on disk."""
ROWS_A_COPY = 50_000
PROGRAMS = "/usr/lib/postgresql/*/bin"


class Server:
    """A server over a data folder; as root it runs as the account postgres, to whom the folder is given."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/").glob(f"{PROGRAMS[1:]}/initdb"))
        if not found:
            raise SystemExit(MISSING)
        self._programs, self._data = found[-1].parent, (folder / "pg").resolve()
        self._socket = Path(
            tempfile.gettempdir(), f"simsvc-bench-{os.getpid()}"
        )  # short, as sockets' paths must be
        self.account = "postgres" if os.getuid() == 0 else None

    def __enter__(self) -> Server:
        for folder in (self._data, self._socket):
            folder.mkdir(parents=True, exist_ok=True)
            if self.account:
                subprocess.run(["chown", self.account, str(folder)], check=True)
        self._socket.chmod(0o700)
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", "-D", self._data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = [
            "fsync=off",
            "max_wal_size=8GB",
            "listen_addresses=",
            f"unix_socket_directories={self._socket}",
        ]
        command = [
            str(self._programs / "postgres"),
            "-D",
            str(self._data),
            *(f"-c{option}" for option in options),
        ]
        self._process = subprocess.Popen(command, user=self.account, cwd="/", stderr=subprocess.DEVNULL)
        wait_until(self._answers, 60.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)  # at once, whoever is connected
        self._process.wait(60)
        with suppress(OSError):
            self._socket.rmdir()

    def connect(self) -> psycopg.Connection[Any]:
        """Return a connection that commits each statement."""
        return psycopg.connect(f"host={self._socket} user=bench dbname=postgres", autocommit=True)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, user=self.account, cwd="/", check=True, stdout=subprocess.DEVNULL)


class Pgvector:
    """A graph (HNSW) with pgvector's own parameters, m 16 and ef_construction 64."""

    efforts: tuple[int, ...] = (10, 20, 40, 80, 160, 320)

    def build(self, rows: Vectors, folder: Path) -> dict[str, Any]:
        folder.chmod(0o755)
        with Server(folder) as server, server.connect() as connection:
            if not connection.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'").rowcount:
                raise SystemExit(MISSING)
            connection.execute("CREATE EXTENSION vector")
            connection.execute(f"CREATE UNLOGGED TABLE faces (item int, vector vector({rows.shape[1]}))")
            for start in range(0, len(rows), ROWS_A_COPY):
                _copy(connection, rows[start : start + ROWS_A_COPY], start)
            memory_mb = max(64, len(rows) * BYTES_A_ROW // 1_000_000)
            connection.execute(f"SET maintenance_work_mem = '{memory_mb}MB'")
            connection.execute("SET max_parallel_maintenance_workers = 1")
            connection.execute("CREATE INDEX ON faces USING hnsw (vector vector_ip_ops)")
            sizes = "SELECT pg_table_size('faces'), pg_indexes_size('faces')"
            table, index = connection.execute(sizes).fetchone() or (0, 0)
            peak_mb = status_mb("VmHWM", connection.info.backend_pid)
            asked = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            (release,) = connection.execute(asked).fetchone() or ("",)
        return {
            "settings": f"{release}, HNSW, m 16, ef_construction 64",
            "table_mb": round(table / 1e6, 1),
            "index_mb": round(index / 1e6, 1),
            "server_peak_mb": peak_mb,
        }

    def open(self, folder: Path, dims: int) -> Callable[[Vectors, int, int], NDArray[np.integer[Any]]]:
        del dims
        self._server = Server(folder).__enter__()
        connection = self._server.connect()
        connection.prepare_threshold = 0
        current = [0]

        def find(vector: Vectors, k: int, effort: int) -> NDArray[np.integer[Any]]:
            if current[0] != effort:
                connection.execute(f"SET hnsw.ef_search = {effort}")
                current[0] = effort
            text = "[" + ",".join(map(str, vector.tolist())) + "]"
            query = "SELECT item FROM faces ORDER BY vector <#> %s::vector LIMIT %s"
            return np.asarray([row[0] for row in connection.execute(query, (text, k))], dtype=np.int64)

        return find

    def close(self) -> None:
        """Stop the server."""
        self._server.__exit__()


def _copy(connection: psycopg.Connection[Any], rows: Vectors, first: int) -> None:
    """Copy rows in PostgreSQL's binary form: of each an int4, and dims, 0 and numbers, big-endian."""
    count, dims = rows.shape
    header = [("fields", ">i2"), ("n1", ">i4"), ("item", ">i4"), ("n2", ">i4")]
    header += [("dims", ">i2"), ("none", ">i2")]
    kind = np.dtype([*header, ("numbers", ">f4", (dims,))])
    told = np.zeros(count, dtype=kind)
    told["fields"], told["n1"], told["n2"], told["dims"] = 2, 4, 4 + 4 * dims, dims
    told["item"], told["numbers"] = np.arange(first, first + count), rows
    data = BytesIO(b"PGCOPY\n\xff\r\n\0" + bytes(8) + told.tobytes() + b"\xff\xff")
    with connection.cursor().copy("COPY faces FROM STDIN (FORMAT binary)") as copy:
        copy.write(data.getvalue())
