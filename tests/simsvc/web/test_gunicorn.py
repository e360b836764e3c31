from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.helpers import ROOT, wait_until
from tests.receivers import syslog_tcp_server
from tests.servers import PATIENCE_S, ask, children_of, running, send_photo
from tests.simsvc.web.programs import bearer
from tests.small_site import drawn_photo
from tests.witness_servers import tlog_witness

pytestmark = pytest.mark.slow


@pytest.fixture
def address(site: Settings, tmp_path: Path) -> Iterator[str]:
    """Return the address of a server with a batch worker."""
    site = site.model_copy(update={"batch_dir": tmp_path / "batches"})
    with running(site, tmp_path / "log", SIMSVC_BATCH_WORKER="1") as server:
        yield server.bind


def test_the_access_log_holds_no_token(address: str, tmp_path: Path) -> None:
    """The address of a one-time link is written without its token."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    with closing(connection):
        connection.request("GET", "/welcome/a-token-that-opens-an-account")
        assert connection.getresponse().status == 410
    wait_until(lambda: "/welcome" in (tmp_path / "log").read_text())  # a request is logged after its answer
    log = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    (answered,) = (line for line in lines if line.get("route") == "/welcome/<token>")
    assert (answered["method"], answered["status"]) == ("GET", 410)
    assert "a-token-that" not in log


def test_the_real_server_answers_refuses_and_outlives_bad_uploads(address: str, app: Flask) -> None:
    """The server with its shipped settings estimates, refuses, answers an oversized upload, and goes on."""
    token = bearer(app, "estimate")
    assert send_photo(address, drawn_photo(), token)[1]["status"] == "estimated"
    assert send_photo(address, b"junk", token)[1]["code"] == "not_an_image"
    status, problem = send_photo(address, b"x" * 40_000_000, token)
    assert (status, problem["code"]) == (413, "photo_too_many_bytes")
    assert send_photo(address, drawn_photo(), token)[0] == 201


def batch_workers(log: Path) -> list[int]:
    return [int(pid) for pid in re.findall(r"batches are judged by process (\d+)", log.read_text())]


def test_a_killed_batch_worker_is_replaced(address: str, site: Settings, tmp_path: Path) -> None:
    """After kill -9 of the process beside the server another one judges what waits; the server stays up."""
    (first,) = batch_workers(tmp_path / "log")
    os.kill(first, signal.SIGKILL)
    desk = Services(site.model_copy(update={"batch_dir": tmp_path / "batches"}))
    batch_id = desk.batches.take_in([("a.jpg", drawn_photo(1))], "a.jpg", "0" * 32, dict)
    wait_until(lambda: not desk.batch_book.find(batch_id).waiting)
    desk.database.close()
    assert len(batch_workers(tmp_path / "log")) == 2
    assert ask(address, "GET", "/healthz")[0] == 200


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
    with running(site, log, workers=2) as server:
        bind, before, done = server.bind, children_of(server.pid), threading.Event()

        def ask_on() -> None:
            while not done.is_set():
                statuses.append(send_photo(bind, b"no photo", token)[0])

        with ThreadPoolExecutor(3) as pool:
            clients = [pool.submit(ask_on) for _ in range(3)]
            try:
                wait_until(lambda: len(statuses) >= 10)
                os.kill(server.pid, signal.SIGHUP)
                wait_until(lambda: len(children_of(server.pid) - before) == len(children_of(server.pid)) == 2)
                answered = len(statuses)
                wait_until(lambda: len(statuses) >= answered + 10)
            finally:
                done.set()
            for client in clients:
                client.result()  # every request was answered
        assert not children_of(server.pid) & before
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


def test_a_running_server_tells_witnesses_and_streams(site: Settings, tmp_path: Path) -> None:
    """A file and a C2SP witness get checkpoints, the last one at stop; a receiver every event in order.

    Events come at least once: where a delivery could not be noted, they are sent again.
    """
    seen = tmp_path / "seen"
    site = site.model_copy(
        update={
            "database_url": sqlite_database(tmp_path / "log.sqlite3"),
            "log_key_file": tmp_path / "key" / "log-key.pem",
        }
    )
    app = create_app(site)
    with tlog_witness() as tiny, syslog_tcp_server() as syslog:
        more = {
            "SIMSVC_LOG_KEY_FILE": str(tmp_path / "key" / "log-key.pem"),
            "SIMSVC_WITNESSES": f"file:{seen},{tiny.setting}",
            "SIMSVC_EVENT_STREAM": syslog.url,
        }
        with running(site, tmp_path / "log", workers=2, **more) as server:
            wait_until(lambda: tiny.saw and syslog.taken)
            token = bearer(app, "estimate")
            assert send_photo(server.bind, drawn_photo(), token)[0] == 201
            wait_until(lambda: f"witness {tiny.name} took" in str(ask(server.bind, "GET", "/readyz")[1]))
            wait_until(lambda: any(b" estimate " in message for message in syslog.taken))
        lines = [json.loads(line) for line in seen.read_text().splitlines()]
        numbers = [int(re.findall(r' seq="(\d+)"', message.decode())[0]) for message in syslog.taken]
    assert [line["size"] for line in lines] == sorted({line["size"] for line in lines})
    app.extensions["simsvc"].database.close()
    assert tiny.saw[-1] == lines[-1]["size"] >= 3
    assert list(dict.fromkeys(numbers)) == list(range(1, max(numbers) + 1))
