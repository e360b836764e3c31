"""gunicorn under load: time to ready, latencies at 1, 8 and 32 clients, minutes of it, memory, restarts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from simsvc.settings import Settings
from simsvc.values.access.tokens import TokenDraft
from simsvc.wiring.services import Services
from tests.bench.bare import bare
from tests.bench.machine import status_mb
from tests.bench.timing import Figures, Row
from tests.helpers import wait_until
from tests.servers import ask, children_of, environment_of, running

BARE = "detector and model alone"
"""Row of what a process does that does nothing else, before and after the load that lasts."""
CLIENTS = (1, 8, 32)
BOUNDARY = "bench-boundary"


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked.

    Attributes:
        requests: at each number of clients.
        warming_up: by 32 clients, after which memory is looked at for the first time.
        sustained_s: how long by 32 clients.
        sustained_requests: how many by the end of it, those of warming up included, if it gets so far.
    """

    requests: int = 400
    warming_up: int = 2_000
    sustained_s: float = 120.0
    sustained_requests: int = 20_000


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, and a request for it in a file."""

    bind: str
    pid: int
    ready_s: float
    request: Path

    def load(self, clients: int, requests: int, seconds: float = 0.0) -> Row:
        """Let a process of its own send the request; return what it saw."""
        command = [
            sys.executable,
            "-m",
            "tests.bench.client",
            str(self.request),
            f"--port={self.bind.rpartition(':')[2]}",
        ]
        asked = [f"--clients={clients}", f"--requests={requests}", f"--seconds={seconds}"]
        used = self.cpu_s()
        done = subprocess.run([*command, *asked], check=True, capture_output=True, text=True)
        told = cast("Row", json.loads(done.stdout))
        return {**told, "server_cpu_ms": round((self.cpu_s() - used) * 1e3 / told["requests"], 2)}

    def workers(self) -> list[int]:
        """Return the processes that gunicorn's master started."""
        return sorted(children_of(self.pid))

    def resident_mb(self) -> float:
        """Return the resident memory of the largest worker in MB, pages that workers share included."""
        return max(status_mb("VmRSS", pid) for pid in self.workers())

    def cpu_s(self) -> float:
        """Return the processor time that the workers of now have taken."""
        ticks = os.sysconf("SC_CLK_TCK")
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.workers()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / ticks


def figures(settings: Settings, services: Services, data: bytes, asked: Load, folder: Path) -> Figures:
    """Load servers of these settings, and return what was measured."""
    request = folder / "request"
    photo = folder / "photo.jpg"
    photo.write_bytes(data)
    request.write_bytes(request_of(data, services.tokens.create(TokenDraft("bench", ("estimate",), 1)).text))
    with started(settings, request, folder) as server:
        count = float(len(server.workers()))
        found: Figures = {"workers": {"count": count, "mb_at_rest": server.resident_mb()}}
        found["start to ready"] = {"s": server.ready_s}
        server.load(2, 100)
        for clients in CLIENTS:
            found[f"{clients} clients" if clients > 1 else "1 client"] = server.load(clients, asked.requests)
    environment = environment_of(settings)
    before = bare(photo, environment)
    # one life of a worker: a new one would hide what the old one kept
    with started(settings, request, folder, "--max-requests=0") as server:
        found.update(sustained(server, asked))
    after, at_once = bare(photo, environment), bare(photo, environment, round(count))
    found[BARE] = {"ms": round((before["ms"] + after["ms"]) / 2, 2), "a_second": after["a_second"]}
    found[f"{BARE}, {count:.0f} processes"] = at_once
    with started(settings, request, folder, "--max-requests=150", "--max-requests-jitter=50") as server:
        found["workers that end often"] = server.load(8, min(asked.requests * 4, 1_600))
        found["workers that end often"].pop("server_cpu_ms")  # the ended ones took theirs along
    return found


def sustained(server: Server, asked: Load) -> Figures:
    """Load a server for minutes; return how it went, and how its memory grew after it had warmed up."""
    server.load(max(CLIENTS), asked.warming_up)
    warm_mb = server.resident_mb()
    row = server.load(max(CLIENTS), asked.sustained_requests - asked.warming_up, asked.sustained_s)
    end_mb = server.resident_mb()
    memory = {"warm_mb": warm_mb, "end_mb": end_mb, "growth": round(end_mb / warm_mb - 1.0, 3)}
    since = asked.warming_up + row["requests"]
    return {"32 clients, sustained": row, "memory of a worker": {**memory, "requests": since}}


def request_of(data: bytes, token: str) -> bytes:
    """Return the bytes of a request that asks for an estimate."""
    part = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = part.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /api/v1/estimates HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def started(settings: Settings, request: Path, folder: Path, *options: str) -> Iterator[Server]:
    """Run a server of these settings; its log is left in the folder."""
    began = time.perf_counter()
    with running(settings, folder / "gunicorn.log", settings.workers, options=options) as server:
        wait_until(lambda: ask(server.bind, "GET", "/readyz")[0] == 200)
        yield Server(server.bind, server.pid, round(time.perf_counter() - began, 2), request)
