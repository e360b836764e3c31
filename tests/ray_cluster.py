"""A small Ray cluster that tests start: a head without cores, and nodes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.helpers import ROOT, wait_until
from tests.servers import free_port

RAY = Path(sys.executable).parent / "ray"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
HOST = "127.0.0.1"
OBJECTS_BYTES = 100_000_000
"""Least of Ray's object store that it starts with is 75 MB."""


@dataclass
class SmallCluster:
    """A head and its nodes, each a process group."""

    address: str
    folder: Path
    environment: Mapping[str, str]
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a node, or the head."""
        command = [
            RAY, "start", "--block", "--disable-usage-stats",
            "--object-store-memory", str(OBJECTS_BYTES), *words,
        ]  # fmt: skip
        node = subprocess.Popen(
            command,
            env={**self.environment, **more},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.nodes.append(node)
        return node

    def join(self, cores: int, **more: str) -> subprocess.Popen[bytes]:
        """Start a node with so many cores."""
        return self.start("--address", self.address, "--num-cpus", str(cores), **more)

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kill a node and all of its processes at once."""
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        self.nodes.remove(node)


@contextmanager
def small_cluster(cores: int, **environment: str) -> Iterator[SmallCluster]:
    """Start a head with so many cores, and stop it with all nodes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    port = free_port()
    paths = {**os.environ, "PYTHONPATH": str(ROOT), **QUIET, **environment}
    cluster = SmallCluster(f"{HOST}:{port}", folder, paths)
    try:
        head = cluster.start(
            "--head", "--port", str(port), "--num-cpus", str(cores), "--temp-dir", str(folder)
        )
        wait_until(lambda: head.poll() is not None or answers(cluster))
        assert head.poll() is None, "the head of the Ray cluster ended"
        yield cluster
    finally:
        for node in reversed(list(cluster.nodes)):
            cluster.kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def answers(cluster: SmallCluster) -> bool:
    """Return whether the head answers."""
    command = [RAY, "health-check", "--skip-version-check", "--address", cluster.address]
    said = subprocess.run(command, env=dict(cluster.environment), capture_output=True, check=False)
    return said.returncode == 0


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """Start a Ray cluster of two cores that a module's tests share, and return its address.

    It takes 2 percent of a core while it waits, so it ends with the module.
    """
    pytest.importorskip("ray")
    patch = pytest.MonkeyPatch()
    for name, value in QUIET.items():
        patch.setenv(name, value)
    with small_cluster(2) as cluster:
        yield cluster.address
    patch.undo()
