from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from gunicorn.errors import ConfigError
from waitress.adjustments import Adjustments

from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.worker import GRACE_S, Body, BufferedWorker, Connection, Received
from tests.helpers import ROOT
from tests.servers import PATIENCE_S, ask, environment_of, running, send_photo
from tests.simsvc.web.programs import bearer
from tests.slow_sockets.clients import KINDS, Crowd, hold, worst
from tests.small_site import drawn_photo

pytestmark = pytest.mark.slow

SLOW = 200
LASTING_S = 6.0


@pytest.fixture(scope="module")
def token(site: Settings) -> dict[str, str]:
    app = create_app(site)
    found = bearer(app)
    app.extensions["simsvc"].database.close()
    return found


@pytest.fixture(scope="module")
def bind(site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(site, tmp_path_factory.mktemp("worker") / "log", workers=2) as server:
        yield server.bind


@pytest.fixture(scope="module", autouse=True)
def dawdler(bind: str, token: dict[str, str]) -> Iterator[tuple[socket.socket, float]]:
    """Return a connection that has sent one byte of its body when the other tests began, and since when."""
    host, _, port = bind.rpartition(":")
    kinds = {**token, "Content-Type": "image/jpeg", "Content-Length": "5000"}
    with closing(socket.create_connection((host, int(port)), timeout=PATIENCE_S)) as connection:
        connection.sendall(head("POST /api/v1/estimates HTTP/1.1", kinds) + b"x")
        yield connection, time.monotonic()


def exchange(bind: str, sent: bytes, patience_s: float = PATIENCE_S) -> bytes:
    """Send bytes and return all that comes until the server closes, or nothing more comes."""
    host, _, port = bind.rpartition(":")
    with closing(socket.create_connection((host, int(port)), timeout=patience_s)) as connection:
        connection.sendall(sent)
        got = b""
        try:
            while piece := connection.recv(65_536):
                got += piece
        except TimeoutError:
            pass
        return got


def head(line: str, headers: dict[str, str]) -> bytes:
    lines = [line, "Host: a", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def test_slow_clients_of_every_kind_stop_nobody(bind: str, token: dict[str, str]) -> None:
    """While 200 connections dawdle in every way, /healthz and estimates are answered as before.

    Whoever had to wait for a slow client would wait until the server gives it up, after GRACE_S.
    """

    def estimate() -> float:
        began_s = time.perf_counter()
        assert send_photo(bind, drawn_photo(), token)[0] == 201
        return time.perf_counter() - began_s

    calm, _ = hold(bind, [], LASTING_S / 6, estimate)
    crowds = [Crowd(bind, kind, token, SLOW // len(KINDS)) for kind in KINDS.values()]
    health, others = hold(bind, crowds, LASTING_S, estimate)
    assert median(health) < 20 * median(calm)
    assert worst(health) < GRACE_S / 2
    assert worst(others) < GRACE_S / 2


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET /healthz HTTP/1.1", {"X-Long": "x" * 40_000}, 431),
        ("GET /" + "x" * 40_000 + " HTTP/1.1", {}, 431),
        ("GET /healthz HTTP/1.1", {"Content-Length": "9" * 5_000}, 400),
        ("GET /healthz HTTP/1.1", {"Content-Length": "-1"}, 400),
        ("GET /healthz HTTP/1.1", {"Transfer-Encoding": "gzip"}, 501),
        ("nonsense", {}, 400),
    ],
)
def test_what_is_no_request_is_refused(bind: str, line: str, headers: dict[str, str], status: int) -> None:
    """Long lines, long headers and lengths that are none are answered, and the server goes on."""
    assert exchange(bind, head(line, {**headers, "Connection": "close"})).startswith(
        f"HTTP/1.1 {status}".encode()
    ) or (exchange(bind, head(line, headers)).startswith(f"HTTP/1.0 {status}".encode()))
    assert ask(bind, "GET", "/healthz")[0] == 200


@pytest.mark.parametrize("line", [b"1;" + b"x" * 6_000, b"1\r\nx\r\n0\r\n" + b"X-T: " + b"y" * 6_000])
def test_chunks_without_end_are_refused(bind: str, token: dict[str, str], line: bytes) -> None:
    """A line before a chunk, and what follows the last one, have a bound."""
    kinds = {**token, "Content-Type": "image/jpeg", "Transfer-Encoding": "chunked"}
    assert b" 400 " in exchange(bind, head("POST /api/v1/estimates HTTP/1.1", kinds) + line)[:20]


@pytest.mark.parametrize("size", [1, 100, 5_000])
def test_a_body_in_chunks_is_read(bind: str, token: dict[str, str], size: int) -> None:
    """A photo in chunks of any size is judged as one with its length."""
    photo = drawn_photo()
    chunks = b"".join(
        f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        for piece in (photo[n : n + size] for n in range(0, len(photo), size))
    )
    kinds = {**token, "Content-Type": "image/jpeg", "Transfer-Encoding": "chunked", "Connection": "close"}
    got = exchange(bind, head("POST /api/v1/estimates HTTP/1.1", kinds) + chunks + b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, b"HTTP/1.1 401"), ({"Authorization": "Bearer none"}, b"HTTP/1.1 401")],
)
def test_a_large_body_of_a_stranger_is_not_asked_for(
    bind: str, headers: dict[str, str], status: bytes
) -> None:
    """Who may not send it and waits for a word is answered at once, without the body."""
    kinds = {**headers, "Content-Type": "image/jpeg", "Content-Length": "20000000", "Expect": "100-continue"}
    assert exchange(bind, head("POST /api/v1/estimates HTTP/1.1", kinds)).startswith(status)


def test_who_may_send_a_large_body_is_told_to_go_on(bind: str, token: dict[str, str]) -> None:
    """The word to continue comes first, and the answer when all is there."""
    body = b"x" * 2_000_000
    kinds = {**token, "Content-Type": "image/jpeg", "Content-Length": str(len(body)), "Connection": "close"}
    got = exchange(bind, head("POST /api/v1/estimates HTTP/1.1", {**kinds, "Expect": "100-continue"}) + body)
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


class Asked:
    """The side of a connection that the loop and the threads are: it keeps what threads are to do."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []
        self.active_channels: dict[int, Any] = {}
        self.owner = self

    def is_crowded(self) -> bool:
        return False

    def add_task(self, task: Any) -> None:
        self.tasks.append(task)

    def pull_trigger(self) -> None:
        pass


def test_only_the_loop_sends_the_word_to_go_on() -> None:
    """A thread that sent it beside the loop made it come twice, and the answer never."""
    ours, theirs = socket.socketpair()
    adjustments, asked = Adjustments(), Asked()
    adjustments.door = SimpleNamespace(largest_bytes=9_000_000, most_bytes=lambda *_: 9_000_000)
    kinds = {"Content-Type": "image/jpeg", "Content-Length": "2000000", "Expect": "100-continue"}
    with closing(ours), closing(theirs):
        theirs.setblocking(False)
        connection = Connection(asked, ours, ("127.0.0.1", 1), adjustments, map={})
        connection.received(head("POST /api/v1/estimates HTTP/1.1", kinds))
        connection.go_on(asked.tasks[0].request, True)
        with pytest.raises(BlockingIOError):
            theirs.recv(99)
        assert connection.readable()
        assert connection.readable()
        assert theirs.recv(99) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "length", "code"),
    [
        ("/api/v1/estimates", 26_000_000, "photo_too_many_bytes"),
        ("/api/v1/cases/erasure", 2_000_000, "request_entity_too_large"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_of_its_route_is_told(
    bind: str, token: dict[str, str], path: str, length: int, code: str, chunked: bool
) -> None:
    """A client that sends all of it first gets to read why it is refused."""
    kinds = {**token, "Content-Type": "application/json", "Connection": "close"}
    if path.endswith("estimates"):
        kinds["Content-Type"] = "image/jpeg"
    body = b"x" * length
    if chunked:
        kinds["Transfer-Encoding"] = "chunked"
        body = f"{length:x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    else:
        kinds["Content-Length"] = str(length)
    got = exchange(bind, head(f"POST {path} HTTP/1.1", kinds) + body)
    assert got.startswith(b"HTTP/1.1 413 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["code"] == code


def test_requests_sent_ahead_are_answered_in_order(bind: str) -> None:
    """Of 30 requests in one piece each is answered, one after the other."""
    line = head("GET /api/v1/openapi.json HTTP/1.1", {}) * 29
    got = exchange(bind, line + head("GET /healthz HTTP/1.1", {"Connection": "close"}))
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 30
    assert got.endswith(b'{"status":"ok"}\n')


def test_the_worker_speaks_no_tls() -> None:
    """A certificate is refused in words instead of being left out."""
    config = type("Config", (), {"is_ssl": True})
    with pytest.raises(ConfigError, match="a proxy in front ends it"):
        BufferedWorker.check_config(config, None)


def test_a_body_is_kept_up_to_its_limit() -> None:
    """What is above the limit, or does not fit on the disk, is let go."""
    body = Body(10)
    body.append(b"x" * 10)
    assert (bytes(body.get()), body.dropped) == (b"x" * 10, None)
    body.append(b"x")
    assert (len(body), body.dropped, body.seen_bytes) == (0, "too_large", 11)
    body.append(b"x")
    assert (len(body), body.seen_bytes) == (0, 12)
    assert Received.refusal is None


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])  # noqa: S104 - for a second
def test_commands_print_the_address_of_the_running_server(site: Settings, tmp_path: Path, host: str) -> None:
    """`flask user reset` on the same machine names port and prefix as the server has them, by --bind too."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    site = site.model_copy(update={"batch_dir": tmp_path / "batches"})
    with running(site, tmp_path / "log", host=host, SCRIPT_NAME="/desk/age") as server:
        port = server.bind.rpartition(":")[2]
        command = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app"]
        command += ["user", "add", f"reader {port}", "--role", "auditor"]
        environment = environment_of(site)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    shown = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    assert f"http://{shown}:{port}/desk/age/welcome/" in done.stdout
    assert not (tmp_path / "batches" / "address").exists()


def test_the_real_server_serves_below_a_prefix(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SCRIPT_NAME in its environment it answers with and without it, and links begin with it."""
    monkeypatch.setenv("SCRIPT_NAME", "/desk/age")
    with running(site, tmp_path / "log") as server:
        bind = server.bind
        for path in ("/desk/age/sign-in", "/sign-in"):
            got = exchange(bind, head(f"GET {path} HTTP/1.1", {"Connection": "close"}))
            assert got.startswith(b"HTTP/1.1 200 OK")
            assert b'href="/desk/age/static/simsvc.css?v=' in got
            assert b"Path=/desk/age" in got
        assert ask(bind, "GET", "/desk/age/healthz")[0] == 200


def test_the_application_is_known_to_the_worker(app: Flask) -> None:
    """It says of each path how large a body may be, and who may send one."""
    door = app.extensions["simsvc-door"]
    assert door.most_bytes("POST", "/api/v1/cases/erasure") == 1_000_000
    assert door.most_bytes("POST", "/nowhere") == 1_000_000
    assert door.most_bytes("GET", "/healthz") == 1_000_000
    assert 25_000_000 < door.most_bytes("POST", "/api/v1/estimates") < 26_000_000
    assert door.most_bytes("POST", "/batches") == 1_000_000_000 == door.largest_bytes


def test_a_body_that_does_not_come_is_answered_and_not_waited_for(
    dawdler: tuple[socket.socket, float],
) -> None:
    """After the grace, the client reads 408 and a sentence, and the connection is closed."""
    connection, since_s = dawdler
    got = b""
    while piece := connection.recv(65_536):
        got += piece
    assert time.monotonic() - since_s > GRACE_S
    assert got.startswith(b"HTTP/1.1 408 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["code"] == "too_slow"
