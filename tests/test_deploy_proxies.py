"""The proxies' examples at work: real haproxy and nginx in front of two hosts that answer or do not."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.helpers import wait_until
from tests.servers import free_port

DEPLOY = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "deploy"
PATIENCE_S = 20.0
FOREIGN = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
"""What a client sends that pretends to be a proxy."""
ADDRESSES = ("10.0.0.11:8000", "10.0.0.12:8000")

pytestmark = pytest.mark.proof


class Host:
    """A web host that answers with its name and the headers that it got, and is ready or not."""

    def __init__(self, name: str) -> None:
        self.name, self.is_ready, self.asked, self.posted = name, True, 0, 0
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                ready = host.is_ready or self.path != "/readyz"
                host.asked += self.path != "/readyz"
                said = "\n".join([host.name, *(f"{key}: {value}" for key, value in self.headers.items())])
                self.send_response(200 if ready else 503)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                host.posted += 1
                self.send_response(200 if host.is_ready else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Let a proxy drop its connections without a word."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    pair = Host("web-1"), Host("web-2")
    yield pair
    for host in pair:
        with suppress(OSError):
            host.stop()


def ask(port: int, path: str = "/", **headers: str) -> tuple[int, str, str | None]:
    """Return status, text and Retry-After of an answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", path, headers={"Host": "age.example", **headers})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers["Retry-After"]


def answering(port: int, count: int = 8) -> set[str]:
    """Return the names of the hosts that answer some requests, "" where none did."""
    found = [ask(port) for _ in range(count)]
    return {text.partition("\n")[0] if status == 200 else "" for status, text, _ in found}


def ready(port: int, name: str) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return name in answering(port)
    return False


def post(port: int) -> int:
    """Return the status of an answer to a POST."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("POST", "/", body=b"a photo", headers={"Host": "age.example"})
        return connection.getresponse().status


@contextmanager
def proxy(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@pytest.fixture
def haproxy(tmp_path: Path, hosts: tuple[Host, Host]) -> Iterator[int]:
    """Run haproxy with its example, without TLS, in front of the hosts; give its port."""
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed: apt-get install haproxy")
    port, conf = free_port(), (DEPLOY / "cluster" / "haproxy.cfg").read_text()
    conf = re.sub(r"    bind :80\n    bind :443 .*\n", f"    bind 127.0.0.1:{port}\n", conf)
    conf = re.sub(r".*redirect scheme https.*\n", "", conf)
    for written, host in zip(ADDRESSES, hosts, strict=True):
        assert written in conf
        conf = conf.replace(written, host.address)
    (tmp_path / "haproxy.cfg").write_text(conf)
    with proxy("haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")):
        wait_until(lambda: ready(port, "web-1") and ready(port, "web-2"), PATIENCE_S)
        yield port


@pytest.fixture
def nginx(tmp_path: Path, hosts: tuple[Host, Host]) -> Iterator[int]:
    """Run nginx likewise."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    port, conf = free_port(), (DEPLOY / "nginx.conf").read_text()
    upstream = (DEPLOY / "cluster" / "nginx-upstream.conf").read_text()
    conf = re.sub(r"    upstream simsvc \{.*?\n    \}\n", upstream, conf, flags=re.DOTALL)
    conf = re.sub(r"    server \{\n        listen 80;.*?\n    \}\n", "", conf, count=1, flags=re.DOTALL)
    conf = re.sub(r"        listen 443 ssl;\n", f"        listen 127.0.0.1:{port};\n", conf)
    conf = re.sub(r"        (listen \[::\]|ssl_).*\n", "", conf)
    conf = conf.replace("/run/nginx.pid", f"{tmp_path}/pid").replace(
        "worker_processes auto", "worker_processes 1"
    )
    for written, host in zip(ADDRESSES, hosts, strict=True):
        conf = conf.replace(written, host.address)
    (tmp_path / "nginx.conf").write_text(conf)
    with proxy(
        "nginx", "-e", "stderr", "-g", "daemon off; error_log stderr;", "-c", str(tmp_path / "nginx.conf")
    ):
        wait_until(lambda: ready(port, "web-1") and ready(port, "web-2"), PATIENCE_S)
        yield port


def test_haproxy_leaves_out_a_host_that_is_not_ready(hosts: tuple[Host, Host], haproxy: int) -> None:
    """Within seconds no request goes to a host whose /readyz fails, and it comes back when it is ready."""
    hosts[0].is_ready = False
    wait_until(lambda: answering(haproxy) == {"web-2"}, PATIENCE_S)
    hosts[0].is_ready = True
    wait_until(lambda: answering(haproxy) == {"web-1", "web-2"}, PATIENCE_S)


def test_haproxy_says_when_to_try_again(hosts: tuple[Host, Host], haproxy: int) -> None:
    """Without a host that is ready, clients get 503 with Retry-After at once."""
    for host in hosts:
        host.is_ready = False
    wait_until(lambda: answering(haproxy, 1) == {""}, PATIENCE_S)
    status, _, retry_after = ask(haproxy)
    assert (status, retry_after) == (503, "5")


def test_nginx_sends_no_post_twice(hosts: tuple[Host, Host], nginx: int) -> None:
    """A host that answers 503 to a POST may have recorded an estimate: no other host gets that POST."""
    hosts[0].is_ready = False
    statuses = [post(nginx) for _ in range(8)]
    assert statuses.count(503) == hosts[0].posted > 0
    assert statuses.count(200) == hosts[1].posted > 0
    assert len(statuses) == hosts[0].posted + hosts[1].posted


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_a_lost_host_costs_no_request_that_begins_later(
    name: str, hosts: tuple[Host, Host], request: pytest.FixtureRequest
) -> None:
    """A host that takes no connections any more is passed over within the same request."""
    port: int = request.getfixturevalue(name)
    hosts[0].stop()
    assert [ask(port)[0] for _ in range(12)] == [200] * 12


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_a_client_cannot_pretend_to_be_a_proxy(
    name: str, hosts: tuple[Host, Host], request: pytest.FixtureRequest
) -> None:
    """Headers that simsvc believes are the proxy's own: nothing that a client sent is among them."""
    assert hosts
    port: int = request.getfixturevalue(name)
    _, text, _ = ask(port, **FOREIGN)
    got = dict(line.lower().split(": ", 1) for line in text.splitlines()[1:])
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-host"] == got["host"] == "age.example"
    assert got["x-forwarded-proto"] in {"https", "http"}
    assert not got.get("x-forwarded-prefix", "").strip()


def test_haproxy_shows_metrics_to_its_own_network_only(hosts: tuple[Host, Host], haproxy: int) -> None:
    """/metrics passes from this machine; the example's rule names the addresses that may ask."""
    assert hosts
    assert ask(haproxy, "/metrics")[0] == 200
    conf = (DEPLOY / "cluster" / "haproxy.cfg").read_text()
    assert re.search(r"deny deny_status 404 if \{ path /metrics \} !\{ src [\d.:/ ]+ \}", conf)
