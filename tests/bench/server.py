"""gunicorn under load: time to ready, latencies at 1, 8 and 32 clients, refusals, memory of a worker."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from simsvc.settings import Settings
from simsvc.values.tokens import TokenDraft
from simsvc.wiring import Services
from tests.bench.timing import Figures, percentiles

PORT = 8765
CLIENTS = (1, 8, 32)
BOUNDARY = "bench-boundary"


def figures(settings: Settings, services: Services, data: bytes, requests: int, folder: Path) -> Figures:
    """Start the server with these settings, load it, and return what was measured."""
    token = services.tokens.create(TokenDraft("bench", ("estimate",), 1)).text
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "SIMSVC_BUNDLE_DIR": str(settings.bundle_dir),
        "SIMSVC_MODEL_ROOT": str(settings.model_root),
        "SIMSVC_INDEX_ROOT": str(settings.index_root),
        "SIMSVC_BIND": f"127.0.0.1:{PORT}",
        "SIMSVC_BATCH_WORKER": "0",
        "SIMSVC_UPLOAD_RATE": "1000000 per minute",
        "SIMSVC_API_RATE": "1000000 per minute",
    }
    command = (sys.executable, "-m", "gunicorn", "-c", "python:simsvc.web.gunicorn_conf")
    started = time.perf_counter()
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(
            (*command, "simsvc.web.app:create_app()"), env=environment, stdout=log, stderr=log
        )
        try:
            wait_until_ready()
            report: Figures = {"ready": {"s": round(time.perf_counter() - started, 2)}}
            for clients in CLIENTS:
                report[f"{clients} clients"] = load(token, data, clients, requests)
            report["memory"] = {"largest_worker_mb": max(map(resident_mb, workers_of(process.pid)))}
            return report
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(patience_s: float = 60.0) -> None:
    """Wait until /healthz answers 200."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.02)
    raise TimeoutError("the server does not answer")


def load(token: str, data: bytes, clients: int, requests: int) -> dict[str, float]:
    """Send so many photos by so many clients; return latencies, rate, and answers other than 201."""
    body = (
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        + data
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    }

    def client(count: int) -> list[tuple[float, int]]:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        told = []
        for _ in range(count):
            start = time.perf_counter()
            connection.request("POST", "/api/v1/estimates", body, headers)
            response = connection.getresponse()
            response.read()
            told.append(((time.perf_counter() - start) * 1e3, response.status))
        return told

    client(2)
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        told = [one for part in pool.map(client, [requests // clients] * clients) for one in part]
    taken = time.perf_counter() - started
    return {
        **percentiles([ms for ms, _ in told]),
        "a_second": round(len(told) / taken, 1),
        "refused_503": sum(status == 503 for _, status in told),
        "other_errors": sum(status not in {200, 201, 503} for _, status in told),
    }


def workers_of(pid: int) -> list[int]:
    """Return the processes that gunicorn's master started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
    return round(int(kilobytes) * 1024 / 1e6, 1)
