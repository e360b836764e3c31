from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.hosts import PREFIX, CannotMakeHosts, Host, network, pids_in
from tests.helpers import wait_until

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make network namespaces"),
]
LISTEN = (
    "import socket; s = socket.create_server(('0.0.0.0', 99))\nwhile True: s.accept()[0].sendall(b'hello')"
)
ASK = """
import socket, sys
try:
    print(socket.create_connection((sys.argv[1], 99), timeout=2).recv(9).decode())
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, Host]]:
    try:
        with network(tmp_path, {"one": 201, "two": 202}) as made:
            yield made
    except CannotMakeHosts as problem:
        pytest.skip(str(problem))


def answer(asker: Host, asked: Host) -> str:
    return asker.run(sys.executable, "-c", ASK, asked.address).stdout.strip()


def test_a_cut_link_hangs_and_a_mended_one_answers(hosts: dict[str, Host]) -> None:
    """While a link is cut a connection is neither made nor refused; mended, it is made again."""
    hosts["two"].start("listen", sys.executable, "-c", LISTEN)
    wait_until(lambda: answer(hosts["one"], hosts["two"]) == "hello")
    hosts["two"].cut()
    assert answer(hosts["one"], hosts["two"]) == "TimeoutError"
    hosts["two"].mend()
    wait_until(lambda: answer(hosts["one"], hosts["two"]) == "hello")


def test_a_killed_host_refuses_and_leaves_nothing_running(hosts: dict[str, Host]) -> None:
    """Every process of a host is killed, its children too, and connections to it are refused."""
    hosts["two"].start("listen", "sh", "-c", "sleep 600 & sleep 600")
    wait_until(lambda: len(hosts["two"].pids()) == 3)
    hosts["two"].kill()
    assert hosts["two"].pids() == set()
    assert answer(hosts["one"], hosts["two"]) == "ConnectionRefusedError"


def test_hosts_share_neither_name_nor_temporary_files(hosts: dict[str, Host]) -> None:
    """Each host has a name and temporary files of its own."""
    for host in hosts.values():
        assert host.run("sh", "-c", 'cd "$0"; ls; touch of-me', tempfile.gettempdir()).stdout == ""
    assert [host.run("hostname").stdout.strip() for host in hosts.values()] == ["one", "two"]


def test_left_overs_are_removed() -> None:
    """A namespace of a run that was killed is removed, and what runs in it is killed."""
    name = f"{PREFIX}left-over"
    subprocess.run(["ip", "netns", "add", name], check=True)
    with subprocess.Popen(["ip", "netns", "exec", name, "sleep", "600"]) as left:
        wait_until(lambda: left.pid in pids_in(name))
        began_s = time.monotonic()
        try:
            with network(Path("/nowhere"), {}):
                pass
        except CannotMakeHosts as problem:  # another run has the namespaces
            left.kill()
            wait_until(lambda: subprocess.run(["ip", "netns", "delete", name], check=False).returncode == 0)
            pytest.skip(str(problem))
        assert left.wait(10) != 0
    assert time.monotonic() - began_s < 10
    assert name not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
