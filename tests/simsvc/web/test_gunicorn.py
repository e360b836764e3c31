from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.wiring.services import Services
from tests.fuzz.run import running
from tests.simsvc.web.programs import bearer
from tests.small_site import drawn_photo

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def address(site: Settings, tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "SIMSVC_BUNDLE_DIR": str(site.bundle_dir),
        "SIMSVC_INDEX_ROOT": str(site.index_root),
        "DATABASE_URL": site.database_url,
        "SECRET_KEY": site.secret_key,
        "SIMSVC_BIND": bind,
        "SIMSVC_WORKERS": "1",
        "SIMSVC_BATCH_DIR": str(tmp_path / "batches"),
    }
    arguments = ["-c", "python:simsvc.web.gunicorn_conf", "simsvc.web.app:create_app()"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _await(bind, server)
            yield bind
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE_S) == 0


def _await(bind: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            status, _ = ask(bind, "GET", "/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            assert status == 200
            return
    pytest.fail("the server did not come up")


def ask(
    bind: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(bind, timeout=PATIENCE_S)
    with closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.load(response)


def send(bind: str, data: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return ask(
        bind,
        "POST",
        "/api/v1/estimates",
        body,
        {**headers, "Content-Type": f"multipart/form-data; boundary={boundary}"},
    )


def test_the_access_log_holds_no_token(address: str, tmp_path: Path) -> None:
    """The address of a one-time link is written without its token."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    with closing(connection):
        connection.request("GET", "/welcome/a-token-that-opens-an-account")
        assert connection.getresponse().status == 410
    end = time.monotonic() + PATIENCE_S
    while "/welcome" not in (log := (tmp_path / "log").read_text()) and time.monotonic() < end:
        time.sleep(0.05)  # a request is logged after its answer
    lines = [json.loads(line) for line in log.splitlines()]
    (answered,) = (line for line in lines if line.get("route") == "/welcome/<token>")
    assert (answered["method"], answered["status"]) == ("GET", 410)
    assert "a-token-that" not in log


def test_the_real_server_answers_refuses_and_outlives_bad_uploads(address: str, app: Flask) -> None:
    """The server with its shipped settings estimates, refuses, answers an oversized upload, and goes on."""
    token = bearer(app, "estimate")
    assert send(address, drawn_photo(), token)[1]["status"] == "estimated"
    assert send(address, b"junk", token)[1]["code"] == "not_an_image"
    status, problem = send(address, b"x" * 40_000_000, token)
    assert (status, problem["code"]) == (413, "photo_too_many_bytes")
    assert send(address, drawn_photo(), token)[0] == 201


def batch_workers(log: Path) -> list[int]:
    return [int(pid) for pid in re.findall(r"batches are judged by process (\d+)", log.read_text())]


def test_a_killed_batch_worker_is_replaced(address: str, site: Settings, tmp_path: Path) -> None:
    """After kill -9 of the process beside the server another one judges what waits; the server stays up."""
    (first,) = batch_workers(tmp_path / "log")
    os.kill(first, signal.SIGKILL)
    desk = Services(site.model_copy(update={"batch_dir": tmp_path / "batches"}))
    batch_id = desk.batches.take_in([("a.jpg", drawn_photo(1))], "a.jpg", "0" * 32, dict)
    end = time.monotonic() + PATIENCE_S
    while desk.batch_book.find(batch_id).waiting:
        assert time.monotonic() < end, "nothing judges"
        time.sleep(0.1)
    desk.database.close()
    assert len(batch_workers(tmp_path / "log")) == 2
    assert ask(address, "GET", "/healthz")[0] == 200


def workers_of(master: int) -> set[int]:
    """Return the processes under a server's first one."""
    return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()}


def test_the_server_starts_before_the_counting_library_is_loaded() -> None:
    """The library reads when it is imported where workers count, which the server names when it starts."""
    imports = "import sys, simsvc.web.gunicorn_conf, simsvc.web.worker"
    script = f"{imports}; sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE_S)


def counted(bind: str, token: dict[str, str], series: str) -> float:
    """Return one series of /metrics."""
    with closing(http.client.HTTPConnection(bind, timeout=PATIENCE_S)) as connection:
        connection.request("GET", "/metrics", headers=token)
        text = connection.getresponse().read().decode()
    found = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(series)]
    return sum(found)


def test_a_reload_answers_everything_and_counts_go_on(site: Settings, app: Flask, tmp_path: Path) -> None:
    """While clients ask, SIGHUP brings new workers: each request is answered, and nothing counted is lost."""
    log, token = tmp_path / "log", bearer(app)
    statuses: list[int] = []
    with running(site, log, workers=2) as url:
        bind = url.removeprefix("http://")
        master = int(re.findall(r"Listening at: \S+ \((\d+)\)", log.read_text())[0])
        before, done = workers_of(master), threading.Event()

        def ask_on() -> None:
            while not done.is_set():
                statuses.append(send(bind, b"no photo", token)[0])

        clients = [threading.Thread(target=ask_on) for _ in range(3)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        os.kill(master, signal.SIGHUP)
        end = time.monotonic() + PATIENCE_S
        while (workers_of(master) & before or len(workers_of(master)) < 2) and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(0.5)
        done.set()
        for client in clients:
            client.join()
        assert not workers_of(master) & before
        assert counted(bind, token, 'simsvc_estimates_total{status="refused"}') == len(statuses)
    assert set(statuses) == {201}


def test_the_master_never_loads_what_does_not_survive_a_fork() -> None:
    """ONNX Runtime starts threads when it is imported; a worker forked after that would crash as it ends."""
    told = "import sys, simsvc.web.gunicorn_conf; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_on_one_core_there_is_one_worker() -> None:
    """As many workers as this process may use cores, whatever the machine has; one is a server too."""
    told = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "import simsvc.web.gunicorn_conf as conf; print(conf.workers)"
    )
    bare = {name: value for name, value in os.environ.items() if name != "SIMSVC_WORKERS"}
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, env=bare, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


def test_where_nothing_temporary_can_be_written_each_worker_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server starts and ends without the folder of counts, and says what that costs."""
    from simsvc.web import gunicorn_conf as conf  # noqa: PLC0415 - reads the settings when it is imported

    server = SimpleNamespace(log=logging.getLogger("simsvc"))
    monkeypatch.delenv(conf.COUNTS_DIR, raising=False)
    monkeypatch.setattr(conf, "MEMORY_DIR", "/proc/nowhere")
    conf.on_starting(server)
    assert "one worker only" in caplog.text
    assert conf.COUNTS_DIR not in os.environ
    conf.child_exit(server, SimpleNamespace(pid=1))
    conf.on_exit(server)
